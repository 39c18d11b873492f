import { existsSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright";
import { findOnPath, installDebianPackages, isDebianRoot } from "./dependencies.mjs";
import { Refusal, runNode, runTool, takeStep } from "./tool.mjs";

const PLAYWRIGHT = "node_modules/playwright/cli.js";

const NAMES = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"];
const MAC_APPLICATIONS = ["Google Chrome", "Chromium"];
const WINDOWS_FOLDERS = ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"];

/** The path of a Chromium or Chrome that runs, installed if there is none. One that is asked for is taken as it is. */
export async function provideBrowser(): Promise<string> {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  const found = await findBrowser();
  if (found) return found;
  await takeStep(
    "Installing a browser for the tests",
    installBrowser,
    "The tests need a Chrome or Chromium: install one, or say where it is: CHROMIUM_PATH=/path/to/chromium npm test",
  );
  const installed = await findBrowser();
  if (installed) return installed;
  throw new Refusal("The browser that was just installed does not run: CHROMIUM_PATH=/path/to/chromium npm test");
}

async function findBrowser(): Promise<string | undefined> {
  const places = [
    chromium.executablePath(),
    ...NAMES.map((name) => findOnPath(name)),
    ...MAC_APPLICATIONS.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
    ...WINDOWS_FOLDERS.flatMap((name) => process.env[name] ?? []).map((folder) =>
      path.join(folder, "Google/Chrome/Application/chrome.exe"),
    ),
  ];
  for (const place of places) if (place && existsSync(place) && (await runs(place))) return place;
  return undefined;
}

/** A file is not enough: its libraries may be missing, and on Ubuntu `chromium-browser` may only recommend a snap. */
async function runs(browser: string): Promise<boolean> {
  // On Windows `--version` opens a window.
  return process.platform === "win32" || (await runTool(browser, ["--version"])).code === 0;
}

async function installBrowser() {
  const own = await runNode([PLAYWRIGHT, "install", "chromium"]);
  if (own.interrupted || (own.code === 0 && (await findBrowser())) || !isDebianRoot()) return own;
  return installDebianPackages(["chromium"]);
}
