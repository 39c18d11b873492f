import { checkSources } from "./internal/checks";
import { generateClient } from "./internal/database";
import { runOnPostgres, runPlaywright } from "./internal/playwright";
import { setTestSettings } from "./internal/settings";
import { inTurn } from "./internal/turns.mjs";

setTestSettings();
await inTurn(generateClient);
const failed = await checkSources();
const args = process.argv.slice(3);
if ((await runPlaywright(["--project=core", ...args])).failures.length > 0) failed.push("core tests on SQLite");
if ((await runOnPostgres(args)).failures.length > 0) failed.push("core tests on PostgreSQL");
if (failed.length > 0) console.error(`\nFailed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
