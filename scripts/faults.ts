import { provideBrowser } from "./internal/browser";
import { setTestSettings } from "./internal/settings";
import { provide } from "./internal/site";
import { conclude, runTests } from "./internal/tests";

/** How often the servers of each database are killed. `npm test` does it less often. */
const FAULT_ROUNDS = "20";

setTestSettings();
await provide();
const env = { CHROMIUM_PATH: await provideBrowser(), FAULT_ROUNDS };
conclude({ "tests of faults": await runTests(["--project=faults", ...process.argv.slice(3)], env) });
