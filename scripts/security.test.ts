import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

interface Suite {
  title: string;
  specs: { file: string; title: string; tests: { expectedStatus: string }[] }[];
  suites?: Suite[];
}

/** The full titles of the tests that run with `settings`, by their files. `filter` is a part of a file's name. */
async function listTests(settings: Record<string, string> = {}, ...filter: string[]): Promise<Map<string, string[]>> {
  const args = ["node_modules/playwright/cli.js", "test", "--list", "--reporter=json", ...filter];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    // Without this variable of our own worker the tests are listed as by a runner, which opens no database.
    env: {
      ...cleanEnvironment({ AUTH_SECRET: "a secret for loading the tests only", ...settings }),
      TEST_WORKER_INDEX: undefined,
    },
    maxBuffer: 64 * 1024 * 1024,
  });
  const titles = new Map<string, string[]>();
  const collect = ({ specs, suites = [] }: Suite, path: string[]) => {
    for (const { file, title, tests } of specs) {
      if (!tests.every(({ expectedStatus }) => expectedStatus === "passed")) continue;
      titles.set(file, [...(titles.get(file) ?? []), [...path, title].join(" ")]);
    }
    for (const suite of suites) collect(suite, [...path, suite.title]);
  };
  for (const suite of JSON.parse(stdout).suites as Suite[]) collect(suite, []);
  return titles;
}

/** The documents with tables whose last column names a test, each with a number of rows that it has at least. */
const ROWS_BY_DOCUMENT = { "SECURITY.md": 40, "docs/upgrading-dependencies.md": 30 };

test("each threat of SECURITY.md, and each row of docs/upgrading-dependencies.md, names a test that runs", async () => {
  const onPostgres = listTests({ TEST_POSTGRES_URL: "postgresql://localhost/nothing" }, "lib/db/postgresql.test.ts");
  const titles = new Map([...(await listTests()), ...(await onPostgres)]);
  for (const [document, rowsMin] of Object.entries(ROWS_BY_DOCUMENT)) {
    const rows = readFileSync(document, "utf8").matchAll(/^\|.*\| *`([^`]+)`: (.+?) *\|$/gm);
    const named = [...rows].map(([, file = "", title = ""]) => ({ file, title }));
    expect(named.length, document).toBeGreaterThan(rowsMin);
    const missing = named.filter(({ file, title }) => !titles.get(file)?.some((full) => full.includes(title)));
    expect(missing, document).toEqual([]);
  }
});
