import { appendFileSync } from "node:fs";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestCase, TestError, TestResult } from "playwright/types/testReporter";
import { nameOf } from "./test-names";

/** The environment variable with the path of the file that the reporter writes. Without it nothing is written. */
export const FAILURES_PATH_NAME = "FAILURES_PATH";

const ERROR_LINES_MAX = 20;

/**
 * A reporter for Playwright that writes each failed attempt at a test, with the first lines of its errors, to a file. The output of
 * a long run is mostly about tests that passed; `reportResults` repeats this file at its end.
 */
export default class FailedTests implements Reporter {
  onTestEnd(
    test: Pick<TestCase, "expectedStatus" | "location" | "titlePath">,
    { errors, retry, status, workerIndex }: Pick<TestResult, "errors" | "retry" | "status" | "workerIndex">,
  ) {
    if (status === test.expectedStatus || status === "skipped") return;
    const [, project] = test.titlePath();
    write(`[${project}] › ${nameOf(test)} (${status}, attempt ${retry + 1}, worker ${workerIndex})`, errors);
  }

  /** An error outside a test, for example in a file that can't be loaded. */
  onError(error: TestError) {
    write("outside a test", [error]);
  }
}

function write(name: string, errors: TestError[]) {
  const file = process.env[FAILURES_PATH_NAME];
  if (!file) return;
  const lines = errors
    .flatMap(({ message, value, location }) => [
      ...(message ?? value ?? "").split("\n"),
      ...(location ? [`at ${path.relative("", location.file)}:${location.line}`] : []),
    ])
    .map(stripVTControlCharacters);
  const shown = lines.length > ERROR_LINES_MAX ? [...lines.slice(0, ERROR_LINES_MAX), "…"] : lines;
  appendFileSync(file, `${[name, ...shown.map((line) => `  ${line}`)].join("\n")}\n`);
}
