import { writeFileSync } from "node:fs";
import type { Reporter, Suite } from "playwright/types/testReporter";

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** A Playwright reporter that leaves the counts for `npm test`, which says them last. A flaky test is a failed one. */
export default class TallyReporter implements Reporter {
  #suite: Suite | undefined;

  onBegin(_config: unknown, suite: Suite) {
    this.#suite = suite;
  }

  onEnd() {
    const outcomes = this.#suite?.allTests().map((test) => test.outcome()) ?? [];
    const count = (...wanted: string[]) => outcomes.filter((outcome) => wanted.includes(outcome)).length;
    const tally: Tally = {
      passed: count("expected"),
      failed: count("unexpected", "flaky"),
      skipped: count("skipped"),
    };
    if (process.env.TALLY_FILE) writeFileSync(process.env.TALLY_FILE, JSON.stringify(tally));
  }

  printsToStdio() {
    return false;
  }
}
