import { provideBrowser } from "./internal/browser";
import { generateClient } from "./internal/database";
import { runPlaywright } from "./internal/playwright";
import { setTestSettings } from "./internal/settings";
import { buildSite } from "./internal/site";
import { inTurn } from "./internal/turns.mjs";

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
