import { existsSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright";
import { findOnPath, installDebianPackages, isDebianRoot } from "./dependencies.mjs";
import { runNode, runTool, takeStep } from "./tool.mjs";

const PLAYWRIGHT = "node_modules/playwright/cli.js";

/** A shell is a browser without its windows; a browser that hides them takes twice as long over everything. */
const DEBIAN_SHELL = "chromium-headless-shell";
const SHELLS = [DEBIAN_SHELL, "chrome-headless-shell"];
const BROWSERS = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"];
const MAC_APPLICATIONS = ["Google Chrome", "Chromium"];
const WINDOWS_FOLDERS = ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"];

/** What to say to Playwright for the shell that it has installed for itself: nothing. */
const PLAYWRIGHTS_OWN = "";

/**
 * The path of a Chromium or Chrome that runs, installed if there is none; empty for Playwright's own. One that is asked
 * for is taken as it is. A headless shell is preferred, and installed where the machine is ours to install on.
 */
export async function provideBrowser(): Promise<string> {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  const browser = (await findShell()) ?? (isDebianRoot() ? undefined : await findBrowser());
  if (browser !== undefined) return browser;
  let provided: string | undefined;
  await takeStep(
    "Installing a browser for the tests",
    async () => {
      const installation = await installShell();
      if (installation.interrupted) return installation;
      provided = (await findShell()) ?? (await findBrowser());
      return { ...installation, code: provided === undefined ? 1 : 0 };
    },
    "The tests need a Chrome or Chromium that runs: install one, or say where it is: CHROMIUM_PATH=/path/to/chromium npm test",
  );
  return provided ?? PLAYWRIGHTS_OWN;
}

async function findShell(): Promise<string | undefined> {
  return (await isPlaywrightReady()) ? PLAYWRIGHTS_OWN : findRunning(SHELLS.map((name) => findOnPath(name)));
}

function findBrowser(): Promise<string | undefined> {
  return findRunning([
    ...BROWSERS.map((name) => findOnPath(name)),
    ...MAC_APPLICATIONS.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
    ...WINDOWS_FOLDERS.flatMap((name) => process.env[name] ?? []).map((folder) =>
      path.join(folder, "Google/Chrome/Application/chrome.exe"),
    ),
  ]);
}

/** It says where its whole browser is, and nowhere where its shell is. */
async function isPlaywrightReady(): Promise<boolean> {
  try {
    await (await chromium.launch()).close();
    return true;
  } catch {
    // It isn't there, or its libraries aren't.
    return false;
  }
}

async function findRunning(places: readonly (string | undefined)[]): Promise<string | undefined> {
  for (const place of places) if (place && existsSync(place) && (await runs(place))) return place;
  return undefined;
}

/** A file is not enough: its libraries may be missing, and on Ubuntu `chromium-browser` may only recommend a snap. */
async function runs(browser: string): Promise<boolean> {
  // On Windows `--version` opens a window.
  return process.platform === "win32" || (await runTool(browser, ["--version"])).code === 0;
}

async function installShell() {
  const install = [PLAYWRIGHT, "install", "--only-shell", "chromium"];
  if (!isDebianRoot()) return runNode(install);
  const debian = await installDebianPackages([DEBIAN_SHELL]);
  // Ubuntu has no such package.
  return debian.code === 0 || debian.interrupted ? debian : runNode([...install, "--with-deps"]);
}
