import { provideBrowser } from "./internal/browser";
import { checkSources } from "./internal/checks";
import { generateClient } from "./internal/database";
import { runOnPostgres, runPlaywright } from "./internal/playwright";
import { setTestSettings } from "./internal/settings";
import { buildSite } from "./internal/site";
import { inTurn } from "./internal/turns.mjs";

setTestSettings();
await inTurn(async () => {
  await generateClient();
  await buildSite();
});
const CHROMIUM_PATH = await provideBrowser();
const failedChecks = await checkSources();
const args = process.argv.slice(3);
const tallies = [await runPlaywright(args, { CHROMIUM_PATH }), await runOnPostgres(args)] as const;

const failures = [
  ...failedChecks.map((check) => `${check}: see above`),
  ...tallies[0].failures,
  ...tallies[1].failures.map((failure) => `On PostgreSQL: ${failure}`),
];
const sum = (count: "passed" | "skipped") => tallies[0][count] + tallies[1][count];
for (const failure of failures) console.log(`\n✗ ${failure}`);
if (sum("skipped") > 0) console.log(`\n${sum("skipped")} skipped`);
console.log(`\n${sum("passed")} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
