import { provideBrowser } from "./internal/browser";
import { checkSources } from "./internal/checks";
import { provideClientTypes } from "./internal/database";
import { setTestSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";
import { reportResults, runTests, runTestsOnPostgres } from "./internal/tests";
import { runNode } from "./internal/tool.mjs";

setTestSettings();
const [CHROMIUM_PATH] = await Promise.all([provideBrowser(), provideClientTypes().then(provideBuild)]);
const filters = process.argv.slice(3);
const isOfCore = filters.every((filter) => !filter.startsWith("--project=") || filter === "--project=core");
const results = { ...(await checkSources()), tests: await runTests(filters, { CHROMIUM_PATH }) };
const isWhole = filters.length === 0;
// One of them mostly uses one processor, and the other one all that are left.
const [anotherNode, postgresql] = await Promise.all([
  // A fresh copy on another version of Node takes minutes.
  process.env.CI && isWhole && runNode(["scripts/run.mjs", "node-versions", "--short"], { output: "inherit" }),
  isOfCore && runTestsOnPostgres(filters),
]);
reportResults({
  ...results,
  ...(anotherNode && { "another Node": anotherNode }),
  ...(postgresql && { "core tests on PostgreSQL": postgresql }),
});
