import { provideBrowser } from "./browser";
import { generateClient } from "./database";
import { runPlaywright } from "./playwright";
import { setTestSettings } from "./settings";
import { buildSite } from "./site";
import { inTurn } from "./turns.mjs";

/** How often each database's servers are killed; `npm test` does with fewer. */
const FAULT_ROUNDS = "20";

setTestSettings();
await inTurn(async () => {
  await generateClient();
  await buildSite();
});
const CHROMIUM_PATH = await provideBrowser();
const args = ["--project=faults", ...process.argv.slice(3)];
const { passed, failed, skipped } = await runPlaywright(args, { CHROMIUM_PATH, FAULT_ROUNDS });
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
