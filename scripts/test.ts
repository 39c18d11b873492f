import { provideBrowser } from "./internal/browser";
import { checkSources } from "./internal/checks";
import { provideClientTypes } from "./internal/database";
import { setTestSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";
import { reportResults, runTests, runTestsOnPostgres } from "./internal/tests";
import { runNode } from "./internal/tool.mjs";

setTestSettings();
await provideClientTypes();
await provideBuild();
const CHROMIUM_PATH = await provideBrowser();
const filters = process.argv.slice(3);
const isOfCore = filters.every((filter) => !filter.startsWith("--project=") || filter === "--project=core");
reportResults({
  ...(await checkSources()),
  tests: await runTests(filters, { CHROMIUM_PATH }),
  // A fresh copy on another version of Node takes minutes.
  ...(process.env.CI &&
    filters.length === 0 && {
      "another Node": await runNode(["scripts/run.mjs", "node-versions", "--short"], { output: "inherit" }),
    }),
  ...(isOfCore && { "core tests on PostgreSQL": await runTestsOnPostgres(filters) }),
});
