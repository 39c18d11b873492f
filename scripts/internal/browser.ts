import { chromium } from "playwright";
import { findOnPath, installDebianPackages, isDebianRoot } from "./dependencies.mjs";
import { Refusal, runNode, runSetupStep, runTool } from "./tool.mjs";

/** Debian's package of a Chromium without windows. A Chromium that hides its windows takes twice as long for each test. */
const DEBIAN_BROWSER = "chromium-headless-shell";
const BROWSERS = [DEBIAN_BROWSER, "chrome-headless-shell", "google-chrome", "google-chrome-stable", "chromium"];

/** The path that makes Playwright use the browser it has installed for itself. */
const PLAYWRIGHT_BROWSER_PATH = "";

/**
 * Returns the path of a Chromium or Chrome for the tests: the variable CHROMIUM_PATH, else Playwright's own browser, else one that
 * is installed on this machine and starts. Installs a browser if there is none. Throws a `Refusal` if that fails.
 */
export async function provideBrowser(): Promise<string> {
  const present = process.env.CHROMIUM_PATH || (await findBrowser());
  if (present !== undefined) return present;
  const advice =
    "The tests need a Chrome or Chromium that runs: install one, or say where it is: CHROMIUM_PATH=/path/to/chromium npm test";
  await runSetupStep("Installing a browser for the tests", installBrowser, advice);
  const installed = await findBrowser();
  if (installed === undefined) throw new Refusal(advice);
  return installed;
}

async function findBrowser(): Promise<string | undefined> {
  if (await isPlaywrightReady()) return PLAYWRIGHT_BROWSER_PATH;
  for (const name of BROWSERS) {
    const file = findOnPath(name);
    // The system libraries that the browser needs may be missing.
    if (file && (await runTool(file, ["--version"])).code === 0) return file;
  }
  return undefined;
}

async function isPlaywrightReady(): Promise<boolean> {
  try {
    await (await chromium.launch()).close();
    return true;
  } catch {
    // Playwright's browser, or a system library that it needs, is not installed.
    return false;
  }
}

async function installBrowser() {
  if (isDebianRoot()) {
    const debian = await installDebianPackages([DEBIAN_BROWSER], "the tests need a browser");
    if (debian.code === 0) return debian;
  }
  // Ubuntu has no `chromium-headless-shell`. Playwright installs its own browser, and as root the system libraries as well.
  const install = ["node_modules/playwright/cli.js", "install", "--only-shell", "chromium"];
  return runNode(isDebianRoot() ? [...install, "--with-deps"] : install);
}
