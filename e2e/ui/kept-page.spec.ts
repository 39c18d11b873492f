import { readFileSync } from "node:fs";
import type { Page } from "playwright/test";
import { expect, test } from "../fixtures";
import { logIn, readInviteCode } from "./journeys";

/** Leaves the page and goes back. Returns why the browser loaded the page again; null if it showed the page as it was left. */
async function comeBack(page: Page): Promise<unknown> {
  const { pathname } = new URL(page.url());
  await page.goto("/robots.txt");
  // Playwright's own `goBack` waits for the page to load, which a kept page doesn't. The timer lets `evaluate` end before the page does.
  await page.evaluate(() => void setTimeout(() => history.back()));
  await page.waitForFunction((path) => location.pathname === path && document.readyState === "complete", pathname);
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation") as (PerformanceEntry & {
      notRestoredReasons?: { reasons: { reason: string }[] } | null;
    })[];
    return navigation?.notRestoredReasons?.reasons.map(({ reason }) => reason) ?? null;
  });
}

test("the browser may show a page without personal data again without loading it", async ({
  playwright,
  launchOptions,
  baseURL,
}) => {
  const ignoreDefaultArgs = ["--disable-back-forward-cache"];
  const browser = await playwright.chromium.launch({ ...launchOptions, ignoreDefaultArgs });
  const page = await browser.newPage({ baseURL: baseURL ?? "", locale: "ru-RU" });
  await page.goto("/icon.svg");
  // A Chromium without windows keeps no page, for a reason of its own.
  const ownReasons = await comeBack(page);
  for (const path of ["/", "/login", "/docs"]) {
    // A page that is still loading something is not kept.
    await page.goto(path, { waitUntil: "networkidle" });
    expect(await comeBack(page), path).toEqual(ownReasons);
  }
  await browser.close();
});

/** Tells the page's script that the browser leaves the page and keeps it, or shows it again. */
function tell(page: Page, event: "pagehide" | "pageshow"): Promise<void> {
  return page.evaluate((type) => {
    window.dispatchEvent(new PageTransitionEvent(type, { persisted: true }));
  }, event);
}

test("a person who goes back never sees what Next.js has put in the place of a page that may be kept", async ({
  page,
  phone,
  codeFor,
}) => {
  await page.goto("/login");
  await expect(page.getByLabel("Номер телефона")).toBeFocused();
  await tell(page, "pagehide");
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
  await tell(page, "pageshow");

  await logIn(page, phone, codeFor);
  const code = page.getByText(await readInviteCode(page), { exact: true }).first();
  await expect(code).toBeVisible();
  await tell(page, "pagehide");
  await expect(code).toBeHidden();
  const loaded = page.waitForEvent("load");
  await tell(page, "pageshow");
  await loaded;
  await expect(code).toBeVisible();
  await tell(page, "pagehide");
  await expect(code).toBeVisible();
});

test("a page that a form has changed is loaded again, even at the same address", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Eng" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await tell(page, "pagehide");
  await expect(page.locator("main")).toBeHidden();
});

/** What a page with a heading alone loads besides the files of every page, with Next.js 16.4: its error boundaries and its metadata. */
const BARE_PAGE_BYTES = 3515;

test("the login page loads at most 12 kB more compressed JavaScript than a bare page of Next.js", async ({ page }) => {
  await page.goto("/login");
  await page.waitForLoadState("networkidle");
  const scripts = await page.evaluate(() =>
    (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
      .filter(({ name }) => name.endsWith(".js"))
      .map(({ name, encodedBodySize }) => ({ file: new URL(name).pathname.slice("/_next/".length), encodedBodySize })),
  );
  const { rootMainFiles } = JSON.parse(readFileSync(".next/build-manifest.json", "utf8")) as {
    rootMainFiles: string[];
  };
  expect(scripts.map(({ file }) => file)).toEqual(expect.arrayContaining(rootMainFiles));
  const own = scripts.filter(({ file }) => !rootMainFiles.includes(file));
  const bytes = own.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  expect(bytes - BARE_PAGE_BYTES).toBeGreaterThan(0);
  expect(bytes - BARE_PAGE_BYTES).toBeLessThanOrEqual(12_000);
});
