import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "playwright/test";
import { printedBy } from "./printed-by";
import { reportResults, runTests } from "./tests";

const REPORTER = "scripts/internal/failed-tests.ts";

/** A file of tests: one that passes, one that is skipped, one that fails with a long error, and one that fails once. */
const TESTS = `
import { test } from "playwright/test";
test("passes", () => {});
test.skip("is skipped", () => {});
test.describe("on a bad day", () => {
  test("fails", () => {
    throw new Error(Array.from({ length: 100 }, (_, n) => "line " + (n + 1)).join("\\n"));
  });
});
test("fails once", async ({}, { retry }) => {
  if (retry === 0) throw new Error("only now");
});
`;

test("the end of a run repeats the failed tests with the first lines of their errors", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-failed-tests-"));
  symlinkSync(path.resolve("node_modules"), path.join(folder, "node_modules"));
  writeFileSync(path.join(folder, "some.test.ts"), TESTS);
  const config = { retries: 1, projects: [{ name: "core" }], reporter: [[path.resolve(REPORTER)]] };
  writeFileSync(path.join(folder, "playwright.config.js"), `export default ${JSON.stringify(config)};`);

  const result = await runTests([`--config=${folder}`, `--output=${folder}/results`], {}, "collect");
  rmSync(folder, { recursive: true });
  expect(result.code).toBe(1);

  const { exitCode } = process;
  const printed = printedBy(() => reportResults({ style: { code: 0 }, "core tests": result }));
  process.exitCode = exitCode;
  const file = path.join(path.relative("", folder), "some.test.ts");
  expect(printed).toContain(`
Failed in core tests
[core] › ${file}:6 › on a bad day › fails (failed, attempt 1, worker 0)
  Error: line 1
  line 2`);
  expect(printed).toContain(`  line 20\n  …\n[core] › ${file}:6 › on a bad day › fails (failed, attempt 2`);
  expect(printed).toContain(`[core] › ${file}:10 › fails once (failed, attempt 1, worker 2)\n  Error: only now\n`);
  expect(printed.split("[core]")).toHaveLength(1 + 3);
  expect(printed.endsWith("\n✗ Failed: core tests")).toBe(true);
});
