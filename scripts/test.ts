import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { provideBrowser } from "./browser";
import { checkSources } from "./checks";
import { generateClient } from "./database";
import { setTestSettings } from "./settings";
import { buildSite } from "./site";
import type { Tally } from "./tally";
import { runNode } from "./tool.mjs";

setTestSettings();
await generateClient();
await buildSite();
const CHROMIUM_PATH = await provideBrowser();
const failedChecks = await checkSources();
const { passed, failed, skipped } = await runTests(process.argv.slice(3));

if (skipped > 0) console.log(`\n${skipped} skipped`);
console.log(`\n${passed} passed, ${failed + failedChecks.length} failed`);
process.exitCode = failed + failedChecks.length > 0 ? 1 : 0;

/** Runs Playwright and resolves to its counts. When they don't tell all, it crashed or had nothing to run: one failure. */
async function runTests(args: string[]): Promise<Tally> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-tally-"));
  const TALLY_FILE = path.join(folder, "tally.json");
  try {
    const { code } = await runNode(["node_modules/playwright/cli.js", "test", ...args], {
      env: { CHROMIUM_PATH, TALLY_FILE },
      output: "inherit",
    });
    const tally: Tally | undefined = existsSync(TALLY_FILE) ? JSON.parse(readFileSync(TALLY_FILE, "utf8")) : undefined;
    if (tally && (code === 0 || tally.failed > 0)) return tally;
    console.error(`\nThe tests broke off (code ${code}).`);
    return { passed: tally?.passed ?? 0, failed: 1, skipped: tally?.skipped ?? 0 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
