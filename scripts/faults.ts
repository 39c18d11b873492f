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
const { passed, failures, skipped } = await runPlaywright(args, { CHROMIUM_PATH, FAULT_ROUNDS });
for (const failure of failures) console.log(`\n✗ ${failure}`);
console.log(`\n${passed} passed, ${failures.length} failed, ${skipped} skipped`);
process.exitCode = failures.length > 0 ? 1 : 0;
