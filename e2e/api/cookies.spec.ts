import { expect, test } from "../fixtures";
import { openScriptless } from "./scriptless";

for (const { scheme, appUrl, prefix } of [
  { scheme: "http", appUrl: undefined, prefix: "" },
  { scheme: "https", appUrl: "https://sarafan.example", prefix: "__Host-" },
]) {
  test(`on ${scheme} every cookie is for this host only, hidden from scripts, and not sent with requests of other sites`, async ({
    server: usual,
    startServer,
    freshPhone,
  }) => {
    const server = appUrl ? await startServer({ APP_URL: appUrl, REVEAL_CODES: false }) : usual;
    const browser = openScriptless(server, appUrl ?? server.url);
    const session = `${prefix}sarafan-session`;

    // The pages: a language, a login, a logout.
    expect((await browser.submit("/login", { locale: "en" })).status).toBe(303);
    expect(await (await browser.go("/login")).text()).toContain('<html lang="en"');
    const phone = freshPhone();
    await browser.submit("/login", { phone });
    await browser.submit("/login?step=code", { code: await server.codeFor(phone) });
    expect(browser.jar.has(session)).toBe(true);
    expect((await browser.go("/profile")).status).toBe(200);

    // NextAuth's own addresses: out, and in again.
    const { csrfToken } = await (await browser.go("/api/auth/csrf")).json();
    await browser.post("/api/auth/signout", { csrfToken });
    expect(browser.jar.has(session)).toBe(false);
    await browser.submit("/login", { phone });
    const code = await server.codeFor(phone);
    await browser.post("/api/auth/callback/credentials", { csrfToken, phone, code, callbackUrl: "/profile" });
    expect(browser.jar.has(session)).toBe(true);

    // An API.
    const other = freshPhone();
    await browser.post("/api/enter_phone/", { phone: other });
    await browser.post("/api/enter_code/", { verification_code: await server.codeFor(other) });
    expect((await browser.go("/api/profile/")).status).toBe(200);

    // Another phone, which waits for its code.
    expect((await browser.submit("/account/phone", { phone: freshPhone() })).status).toBe(303);

    const names = new Set(browser.seen.map((set) => set.slice(0, set.indexOf("="))));
    expect([...names].sort()).toEqual(
      [
        "authjs.callback-url",
        "authjs.csrf-token",
        "sarafan-change",
        "sarafan-known",
        "sarafan-locale",
        "sarafan-login",
        "sarafan-session",
      ].map((name) => prefix + name),
    );
    for (const set of browser.seen) {
      const attributes = set.toLowerCase().split("; ").slice(1);
      expect(attributes, set).toEqual(expect.arrayContaining(["path=/", "httponly", "samesite=lax"]));
      expect(attributes.includes("secure"), set).toBe(scheme === "https");
      expect(set, set).not.toMatch(/; domain/i);
    }
  });
}
