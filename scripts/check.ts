import { checkSources } from "./internal/checks";
import { setTestSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";
import { reportResults, runTests, runTestsOnPostgres } from "./internal/tests";

setTestSettings();
await provideBuild({ site: false });
const filters = process.argv.slice(3);
const [sources, sqlite, postgresql] = await Promise.all([
  checkSources(),
  runTests(["--project=core", "--workers=1", ...filters]),
  runTestsOnPostgres(filters),
]);
reportResults({ ...sources, "core tests on SQLite": sqlite, "core tests on PostgreSQL": postgresql });
