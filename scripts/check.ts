import { checkSources } from "./internal/checks";
import { provideClientTypes } from "./internal/database";
import { setTestSettings } from "./internal/settings";
import { reportResults, runTests, runTestsOnPostgres } from "./internal/tests";

/** The tests of what differs between the databases. Without filters, only these run on PostgreSQL as well; `npm test` runs all. */
const TESTS_OF_DATABASES = ["lib/db/", "lib/core/plans", "lib/core/retries", "lib/core/statements"];
/** Without filters, tests with this tag are left out, because each takes as long as all others together. `npm test` runs them. */
const SLOW_TAG = "@slow";

setTestSettings();
await provideClientTypes();
const filters = process.argv.slice(3);
const [sources, sqlite, postgresql] = await Promise.all([
  checkSources(),
  runTests(["--project=core", "--workers=2", ...(filters.length > 0 ? filters : ["--grep-invert", SLOW_TAG])]),
  runTestsOnPostgres(["--workers=1", ...(filters.length > 0 ? filters : TESTS_OF_DATABASES)]),
]);
reportResults({ ...sources, "core tests on SQLite": sqlite, "core tests on PostgreSQL": postgresql });
