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
const sources = await checkSources();
// A fresh copy on another version of Node takes minutes, but leaves the processors to the tests when they want them.
const isWhole = filters.length === 0;
const tryingAnotherNode =
  process.env.CI && isWhole ? runNode(["scripts/run.mjs", "node-versions", "--short"]) : undefined;
const tests = await runTests(filters, { CHROMIUM_PATH });
const postgresql = isOfCore ? await runTestsOnPostgres(filters) : undefined;
const anotherNode = await tryingAnotherNode;
if (anotherNode) console.log(`\nAnother Node\n${anotherNode.output}`);
reportResults({
  ...sources,
  tests,
  ...(postgresql && { "core tests on PostgreSQL": postgresql }),
  ...(anotherNode && { "another Node": anotherNode }),
});
