import { checkSources } from "./internal/checks";
import { setTestSettings } from "./internal/settings";
import { provide } from "./internal/site";
import { conclude, runTests, runTestsOnPostgres } from "./internal/tests";

setTestSettings();
await provide({ site: false });
const filters = process.argv.slice(3);
const [sources, sqlite, postgresql] = await Promise.all([
  checkSources(),
  runTests(["--project=core", "--workers=1", ...filters]),
  runTestsOnPostgres(filters),
]);
conclude({ ...sources, "core tests on SQLite": sqlite, "core tests on PostgreSQL": postgresql });
