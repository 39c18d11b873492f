import path from "node:path";
import { expect, test } from "playwright/test";
import { printedBy } from "./printed-by";
import SlowestTests, { NAMED_MAX } from "./slowest-tests";

/** Returns what the reporter prints after a run of so many tests, the n-th of which took n seconds. */
function reportOf(tests: number): string {
  const reporter = new SlowestTests();
  for (let n = 1; n <= tests; n += 1) {
    const location = { file: path.resolve("e2e/ui/login.spec.ts"), line: n, column: 1 };
    const titlePath = () => ["", "ui", "login.spec.ts", "on a slow day", `test ${n}`];
    reporter.onTestEnd({ location, titlePath }, { duration: n * 1000 });
  }
  return printedBy(() => reporter.onEnd());
}

test("a run names its slowest tests, slowest first, and a run of few tests names none", () => {
  const lines = reportOf(NAMED_MAX + 5)
    .trim()
    .split("\n");
  expect(lines).toHaveLength(1 + NAMED_MAX);
  expect(lines[1]).toBe("  25.0 s  e2e/ui/login.spec.ts:25 › on a slow day › test 25");
  expect(lines.at(-1)).toContain("test 6");
  expect(reportOf(NAMED_MAX)).toBe("");
});
