import { provideBrowser } from "./internal/browser";
import { checkSources } from "./internal/checks";
import { provideClientTypes } from "./internal/database";
import { setTestSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";
import { reportResults, runTests, runTestsOnPostgres } from "./internal/tests";

setTestSettings();
await provideClientTypes();
await provideBuild();
const CHROMIUM_PATH = await provideBrowser();
const filters = process.argv.slice(3);
const isOfCore = filters.every((filter) => !filter.startsWith("--project=") || filter === "--project=core");
reportResults({
  ...(await checkSources()),
  tests: await runTests(filters, { CHROMIUM_PATH }),
  ...(isOfCore && { "core tests on PostgreSQL": await runTestsOnPostgres(filters) }),
});
