import { expect, test } from "../fixtures";
import { logInWithCookie } from "./clients";
import { askRaw } from "./raw";

for (const { path, type } of [
  { path: "/favicon.ico", type: "image/x-icon" },
  { path: "/icon.svg", type: "image/svg+xml" },
  { path: "/icon-192.png", type: "image/png" },
  { path: "/icon-512.png", type: "image/png" },
  { path: "/icon-maskable-192.png", type: "image/png" },
  { path: "/icon-maskable-512.png", type: "image/png" },
  { path: "/apple-touch-icon.png", type: "image/png" },
  { path: "/ru.webmanifest", type: "application/manifest+json" },
  { path: "/en.webmanifest", type: "application/manifest+json" },
  { path: "/robots.txt", type: "text/plain; charset=UTF-8" },
]) {
  test(`${path} may be used for a day without being asked for again`, async ({ request }) => {
    const answer = await request.get(path);
    expect(answer.status()).toBe(200);
    expect(answer.headers()).toMatchObject({ "content-type": type, "cache-control": "public, max-age=86400" });
    const { etag = "" } = answer.headers();
    expect((await request.get(path, { headers: { "if-none-match": etag } })).status()).toBe(304);
  });
}

test("a page links to its icons and to the manifest of its language", async ({ request }) => {
  for (const [locale, other] of [
    ["ru", "en"],
    ["en", "ru"],
  ]) {
    const answer = await request.get("/login", { headers: { "accept-language": locale ?? "" } });
    expect(answer.headers()["content-security-policy"]).toMatch(/; manifest-src 'self';/);
    const page = await answer.text();
    expect(page).toContain(`<link rel="manifest" href="/${locale}.webmanifest"/>`);
    expect(page).not.toContain(`/${other}.webmanifest`);
    expect(page).toContain('<link rel="icon" href="/favicon.ico" sizes="16x16 32x32 48x48"/>');
    expect(page).toContain('<link rel="icon" href="/icon.svg" type="image/svg+xml" sizes="any"/>');
    expect(page).toContain('<link rel="apple-touch-icon" href="/apple-touch-icon.png"/>');
  }
});

test("security.txt says how to report a vulnerability, as the settings do", async ({ startServer }) => {
  const server = await startServer({
    APP_URL: "https://sarafan.example",
    REVEAL_CODES: false,
    SECURITY_CONTACT: "mailto:security@sarafan.example, https://sarafan.example/security",
    SECURITY_POLICY: "https://sarafan.example/security/policy",
    SECURITY_KEY: "openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f",
    SECURITY_LANGUAGES: "ru, en",
  });
  const { status, headers, body } = await askRaw(server, { path: "/.well-known/security.txt" });
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    "content-type": ["text/plain; charset=utf-8"],
    "cache-control": ["public, max-age=86400"],
  });
  const [, expires = ""] = /^Expires: (\S+)$/m.exec(body) ?? [];
  expect(body.trimEnd().split("\n")).toEqual([
    "Contact: mailto:security@sarafan.example",
    "Contact: https://sarafan.example/security",
    expect.stringMatching(/^Expires: \d{4}-\d\d-\d\dT00:00:00Z$/),
    "Encryption: openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f",
    "Policy: https://sarafan.example/security/policy",
    "Preferred-Languages: ru, en",
    "Canonical: https://sarafan.example/.well-known/security.txt",
  ]);
  const validDays = (Date.parse(expires) - Date.now()) / 86_400_000;
  expect(validDays).toBeGreaterThan(89.9);
  expect(validDays).toBeLessThanOrEqual(91);
});

test("without a contact there is no security.txt, and a password can't be changed, because there is none", async ({
  request,
}) => {
  for (const path of [
    "security.txt",
    "change-password",
    "resource-that-should-not-exist-whose-status-code-should-not-be-200",
  ]) {
    expect((await request.get(`/.well-known/${path}`)).status(), path).toBe(404);
  }
});

test("a browser may keep a page only if the request for it had no personal cookie", async ({
  newClient,
  server,
  phone,
}) => {
  const stranger = await newClient();
  const cachingOf = async (path: string, cookie: string) => {
    const answer = await stranger.get(path, { headers: { cookie } });
    expect(answer.status(), path).toBe(200);
    return answer.headers();
  };
  const { cookies } = await (await logInWithCookie(newClient, phone, server)).storageState();
  const personal = cookies.filter(({ name }) => name !== "sarafan-known");
  expect(personal.map(({ name }) => name)).toEqual(expect.arrayContaining(["sarafan-session", "sarafan-login"]));
  for (const path of ["/", "/docs"]) {
    expect(await cachingOf(path, "sarafan-locale=en; sarafan-known=any; other=any"), path).toMatchObject({
      "cache-control": "private, no-cache",
      vary: expect.stringContaining("Cookie, Accept-Language"),
    });
    for (const { name, value } of [...personal, { name: "__Host-sarafan-change", value: "any" }]) {
      const { "cache-control": caching } = await cachingOf(path, `other=any; ${name}=${value}`);
      expect(caching, `${path} with ${name}`).toContain("no-store");
    }
  }
});
