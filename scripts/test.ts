import { provideBrowser } from "./internal/browser";
import { checkSources } from "./internal/checks";
import { setTestSettings } from "./internal/settings";
import { provide } from "./internal/site";
import { conclude, runTests, runTestsOnPostgres } from "./internal/tests";

setTestSettings();
await provide();
const CHROMIUM_PATH = await provideBrowser();
const filters = process.argv.slice(3);
const isOfCore = filters.every((filter) => !filter.startsWith("--project=") || filter === "--project=core");
conclude({
  ...(await checkSources()),
  tests: await runTests(filters, { CHROMIUM_PATH }),
  ...(isOfCore && { "core tests on PostgreSQL": await runTestsOnPostgres(filters) }),
});
