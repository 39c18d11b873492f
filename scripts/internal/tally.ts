import { writeFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, Suite, TestCase } from "playwright/types/testReporter";

export interface Tally {
  passed: number;
  /** Each failure in a few lines: the test, and how its error begins. */
  failures: string[];
  skipped: number;
}

const ERROR_LINES_MAX = 12;

/** A Playwright reporter that leaves the tally for `npm test`, which says it last. A flaky test is a failed one. */
export default class TallyReporter implements Reporter {
  #suite: Suite | undefined;

  onBegin(_config: unknown, suite: Suite) {
    this.#suite = suite;
  }

  onEnd() {
    const tests = this.#suite?.allTests() ?? [];
    const those = (...wanted: string[]) => tests.filter((test) => wanted.includes(test.outcome()));
    const tally: Tally = {
      passed: those("expected").length,
      failures: those("unexpected", "flaky").map(describeFailure),
      skipped: those("skipped").length,
    };
    if (process.env.TALLY_FILE) writeFileSync(process.env.TALLY_FILE, JSON.stringify(tally));
  }

  printsToStdio() {
    return false;
  }
}

function describeFailure(test: TestCase): string {
  const error = test.results.find((result) => result.error)?.error?.message ?? "it did not end as expected";
  const lines = stripVTControlCharacters(error).split("\n").slice(0, ERROR_LINES_MAX);
  return [test.titlePath().filter(Boolean).join(" › "), ...lines].join("\n  ");
}
