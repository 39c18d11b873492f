import path from "node:path";
// biome-ignore lint/style/noRestrictedImports: the test breaks the database directly.
import Database from "better-sqlite3";
import { expect, type Server, test } from "../fixtures";
import { type Asked, askRaw } from "./raw";

/** A way to ask for every sort of answer there is, and the status that it should have. */
async function listAnswers(server: Server): Promise<(Asked & { what: string; status: number })[]> {
  const page = await (await fetch(`${server.url}/login`)).text();
  const [script = ""] = /\/_next\/static\/[^"]+\.js/.exec(page) ?? [];
  const [style = ""] = /\/_next\/static\/[^"]+\.css/.exec(page) ?? [];
  const database = new Database(path.join(server.dataFolder, "sarafan.db"));
  database.exec('ALTER TABLE "User" RENAME TO "Lost"');
  database.close();
  const foreign = { origin: "https://evil.example" };
  const POST = "POST";
  const posted = {
    method: POST,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ phone_number: "+79450000000" }),
  };
  return [
    { what: "a page", path: "/login", status: 200 },
    { what: "a page's data", path: "/login?_rsc", headers: { rsc: "1" }, status: 200 },
    { what: "the reference", path: "/docs", status: 200 },
    { what: "a page that isn't there", path: "/nowhere", status: 404 },
    { what: "a page's redirect", path: "/profile", status: 307 },
    { what: "a redirect of the settings", path: "/ui/phone", status: 307 },
    { what: "a redirect of a path to a tidier one", path: "//login", status: 308 },
    { what: "a page that failed", path: "/i/ZZZZ99", status: 500 },
    { what: "a page, asked by another origin", path: "/login", method: POST, headers: foreign, status: 403 },
    { what: "a form that is none", path: "/login", method: POST, headers: { "next-action": "0" }, status: 400 },
    { what: "an address that makes no text", path: "/%ff", status: 404 },
    { what: "a script", path: script, status: 200 },
    { what: "a style", path: style, status: 200 },
    { what: "a file, written to", path: "/icon.svg", method: "DELETE", status: 405 },
    { what: "a script, written to", path: script, method: "PUT", status: 405 },
    { what: "the icon", path: "/icon.svg", status: 200 },
    { what: "the manifest", path: "/ru.webmanifest", status: 200 },
    { what: "a security.txt without a contact", path: "/.well-known/security.txt", status: 404 },
    { what: "a file that isn't there", path: "/_next/static/nothing.js", status: 404 },
    { what: "a picture that failed", path: "/i/ZZZZ99/opengraph-image", status: 500 },
    { what: "an API's answer", path: "/api/openapi.json", status: 200 },
    { what: "an API's refusal", path: "/api/profile/", status: 401 },
    { what: "an API's other verbs", path: "/api/enter_phone/", method: "DELETE", status: 405 },
    { what: "an API's redirect", path: "/api/v1/login/", status: 303 },
    { what: "an API, asked by another origin", path: "/api/enter_phone/", method: POST, headers: foreign, status: 403 },
    { what: "an API that failed", path: "/api/verification_phone/send_code/", ...posted, status: 500 },
    { what: "an API that isn't there", path: "/api/nothing/", status: 404 },
    { what: "the health", path: "/api/health/live", status: 200 },
    { what: "the keys", path: "/.well-known/jwks.json", status: 200 },
    { what: "NextAuth's answer", path: "/api/auth/csrf", status: 200 },
    { what: "NextAuth's redirect", path: "/api/auth/signin", status: 302 },
    { what: "what NextAuth has and we don't", path: "/api/auth/verify-request", status: 404 },
  ];
}

/** What each answer says, and how often it may. */
const EVERYWHERE = {
  "referrer-policy": ["same-origin"],
  "x-content-type-options": ["nosniff"],
  "x-frame-options": ["DENY"],
  "permissions-policy": ["camera=(), geolocation=(), microphone=()"],
};

for (const { scheme, url, hsts } of [
  { scheme: "http", url: undefined, hsts: undefined },
  { scheme: "https", url: "https://sarafan.example", hsts: ["max-age=31536000"] },
]) {
  test(`on ${scheme} every answer has each security header once`, async ({ startServer }) => {
    const server = await startServer(url ? { APP_URL: url, REVEAL_CODES: false } : {});
    for (const { what, status, ...asked } of await listAnswers(server)) {
      const answer = await askRaw(server, asked);
      expect(answer.status, what).toBe(status);
      expect(answer.headers, what).toMatchObject(EVERYWHERE);
      expect(answer.headers["strict-transport-security"], what).toEqual(hsts);
      expect(answer.headers, what).not.toHaveProperty("x-powered-by");
      expect(answer.headers, what).not.toHaveProperty("server");
      const policies = answer.headers["content-security-policy"] ?? [];
      expect(policies, what).toHaveLength(1);
      const policy = policies[0]?.split("; ") ?? [];
      expect(policy, what).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "base-uri 'none'",
          "form-action 'self'",
          "frame-ancestors 'none'",
        ]),
      );
      expect(policy.join(), what).not.toContain("unsafe");
      const isPage = !/^\/(api|_next\/static)\//.test(asked.path);
      const scripts = isPage ? /^script-src 'nonce-[\w+/]{22}==' 'strict-dynamic'$/ : /^script-src 'none'$/;
      expect(policy, what).toContainEqual(expect.stringMatching(scripts));
    }
  });
}

test("https on this machine sends no HSTS, which would affect every other port", async ({ startServer }) => {
  const server = await startServer({ APP_URL: "https://localhost" });
  const { headers } = await askRaw(server, { path: "/login" });
  expect(headers).not.toHaveProperty("strict-transport-security");
});
