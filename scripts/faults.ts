import { provideBrowser } from "./internal/browser";
import { setTestSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";
import { reportResults, runTests } from "./internal/tests";

/** How often the tests kill the servers of each database. `npm test` kills them less often. */
const FAULT_ROUNDS = "20";

setTestSettings();
await provideBuild();
const env = { CHROMIUM_PATH: await provideBrowser(), FAULT_ROUNDS };
reportResults({ "tests of faults": await runTests(["--project=faults", ...process.argv.slice(3)], env) });
