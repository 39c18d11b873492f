import { provideBrowser } from "./browser";
import { checkSources } from "./checks";
import { generateClient } from "./database";
import { runOnPostgres, runPlaywright } from "./playwright";
import { setTestSettings } from "./settings";
import { buildSite } from "./site";
import { inTurn } from "./turns.mjs";

setTestSettings();
await inTurn(async () => {
  await generateClient();
  await buildSite();
});
const CHROMIUM_PATH = await provideBrowser();
const failedChecks = await checkSources();
const args = process.argv.slice(3);
const tallies = [await runPlaywright(args, { CHROMIUM_PATH }), await runOnPostgres(args)];

const sum = (count: "passed" | "failed" | "skipped") => tallies.reduce((total, tally) => total + tally[count], 0);
const failed = sum("failed") + failedChecks.length;
if (sum("skipped") > 0) console.log(`\n${sum("skipped")} skipped`);
console.log(`\n${sum("passed")} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
