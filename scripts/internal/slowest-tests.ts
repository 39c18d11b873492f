import type { Reporter, TestCase, TestResult } from "playwright/types/testReporter";
import { nameOf } from "./test-names";

/** How many tests are named. A run of fewer tests names none, because the list of all tests shows their durations already. */
export const NAMED_MAX = 20;

/** A reporter for Playwright that names the slowest tests at the end of a run. */
export default class SlowestTests implements Reporter {
  readonly #ended: { durationMs: number; name: string }[] = [];

  onTestEnd(test: Pick<TestCase, "location" | "titlePath">, { duration }: Pick<TestResult, "duration">) {
    this.#ended.push({ durationMs: duration, name: nameOf(test) });
  }

  onEnd() {
    if (this.#ended.length <= NAMED_MAX) return;
    const slowest = this.#ended.sort((a, b) => b.durationMs - a.durationMs).slice(0, NAMED_MAX);
    const lines = slowest.map(({ durationMs, name }) => `${(durationMs / 1000).toFixed(1).padStart(6)} s  ${name}`);
    console.log(`\nThe ${NAMED_MAX} slowest tests\n${lines.join("\n")}`);
  }
}
