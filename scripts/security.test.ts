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

/** The full titles of the tests that run, by their files. */
async function listTests(): Promise<Map<string, string[]>> {
  const args = ["node_modules/playwright/cli.js", "test", "--list", "--reporter=json"];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: cleanEnvironment({ AUTH_SECRET: "a secret for loading the tests only" }),
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

test("each threat of SECURITY.md names a test that runs", async () => {
  const rows = readFileSync("SECURITY.md", "utf8").matchAll(/^\|.*\| *`([^`]+)`: (.+?) *\|$/gm);
  const named = [...rows].map(([, file = "", title = ""]) => ({ file, title }));
  expect(named.length).toBeGreaterThan(40);
  const titles = await listTests();
  const missing = named.filter(({ file, title }) => !titles.get(file)?.some((full) => full.includes(title)));
  expect(missing).toEqual([]);
});
