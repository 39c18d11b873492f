import { expect, test } from "../fixtures";

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

test("a password can't be changed, because there is none", async ({ request }) => {
  for (const path of ["change-password", "resource-that-should-not-exist-whose-status-code-should-not-be-200"]) {
    expect((await request.get(`/.well-known/${path}`)).status(), path).toBe(404);
  }
});
