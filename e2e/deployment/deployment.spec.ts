import { test as base, expect } from "../fixtures";
import { logInWithShownCode, logOut, readInviteCode } from "../ui/journeys";

// `npm run test:vercel` runs these tests, against the output of `vercel build`.

export interface DeploymentOptions {
  /** Whether the deployment is a preview without a database, whose data is in the temporary folders of its functions. */
  isPreview: boolean;
}

const test = base.extend<DeploymentOptions>({ isPreview: [false, { option: true }] });
const tag = "@deployment";

const FORGETS = { ru: "хранятся недолго и исчезают без предупреждения", en: "for a short time only and disappear" };

test("each page of a preview says in both languages that the preview forgets", { tag }, async ({
  newClient,
  isPreview,
}) => {
  for (const [language, words] of Object.entries(FORGETS)) {
    const client = await newClient({ headers: { "accept-language": language, accept: "text/html" } });
    for (const path of ["/", "/login", "/i/ZZZZ99", "/docs", "/nowhere"]) {
      expect((await (await client.get(path)).text()).includes(words), path).toBe(isPreview);
    }
  }
});

test("pages and files have their security headers, and a page has one policy", { tag }, async ({ newClient }) => {
  const client = await newClient();
  const page = await client.get("/login");
  expect(page.status()).toBe(200);
  const policy = page.headersArray().filter(({ name }) => name.toLowerCase() === "content-security-policy");
  expect(policy).toHaveLength(1);
  const nonce = /'nonce-([^']+)'/.exec(policy[0]?.value ?? "")?.[1] ?? "no nonce";
  const html = await page.text();
  expect(html).toContain(`nonce="${nonce}"`);
  const [script = ""] = /\/_next\/static\/[^"]+\.js/.exec(html) ?? [];
  for (const path of ["/login", "/api/policy", script, "/icon.svg"]) {
    const answer = await client.get(path);
    expect(answer.status(), path).toBe(200);
    expect(answer.headers(), path).toMatchObject({
      "strict-transport-security": "max-age=31536000",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
  }
  expect((await client.get(script)).headers()["cache-control"]).toContain("immutable");
});

test("proxy.ts refuses forms of other sites, and unknown addresses are a 404", { tag }, async ({ newClient }) => {
  const client = await newClient();
  const foreign = await client.post("/login", {
    form: { phone: "1" },
    headers: { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" },
  });
  expect(foreign.status()).toBe(403);
  expect(foreign.headers()["sarafan-error"]).toBe("origin_foreign");
  for (const path of ["/nowhere", "/api/nowhere", "/_next/static/nowhere.js"]) {
    expect((await client.get(path)).status(), path).toBe(404);
  }
});

test("a person logs in and out without JavaScript", { tag }, async ({ browser, phone }) => {
  const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await page.goto("/login");
  await logInWithShownCode(page, phone);
  await readInviteCode(page);
  await logOut(page);
});

test("the database has all migrations", { tag }, async ({ request }) => {
  expect((await request.get("/api/health/ready")).status()).toBe(200);
});

test("pages and routes know the same accounts, except in a preview, where each has its own", { tag }, async ({
  newClient,
  freshPhone,
  isPreview,
}) => {
  const client = await newClient({ headers: { accept: "text/html" } });
  const sent = await (await client.post("/api/enter_phone/", { data: { phone: freshPhone() } })).json();
  await client.post("/api/enter_code/", { data: { verification_code: sent["Verification code"] } });
  const { invite_code } = await (await client.get("/api/profile/")).json();
  for (const path of ["/account/export", `/i/${invite_code}/opengraph-image`]) {
    expect((await client.get(path)).status(), path).toBe(200);
  }
  expect((await client.get("/profile")).status()).toBe(isPreview ? 307 : 200);
  expect((await client.get(`/i/${invite_code}`)).status()).toBe(isPreview ? 404 : 200);
});
