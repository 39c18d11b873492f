import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { FAILURES_PATH_NAME } from "./failed-tests";
import { startPostgres } from "./postgresql";
import { runNode } from "./tool.mjs";

type Result = { code: number; failures?: string };

/**
 * Runs Playwright with `args`, without its global setup: the caller has prepared what the tests need. Resolves to its exit code, to
 * the failed tests with their errors, and with `output: "collect"` also to its output.
 */
export async function runTests(
  args: string[],
  env: Record<string, string> = {},
  output: "collect" | "inherit" = "inherit",
) {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-failures-"));
  const failuresPath = path.join(folder, "failures.txt");
  try {
    const result = await runNode(["node_modules/playwright/cli.js", "test", ...args], {
      env: { TEST_PREPARED: "true", [FAILURES_PATH_NAME]: failuresPath, ...env },
      output,
    });
    return { ...result, failures: existsSync(failuresPath) ? readFileSync(failuresPath, "utf8") : "" };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the core's tests on a PostgreSQL that is deleted afterwards, and prints their output when they have ended. */
export async function runTestsOnPostgres(args: string[]): Promise<Result> {
  const postgres = await startPostgres({ isDurable: false });
  try {
    // A filter may name tests of other parts, or of SQLite only.
    const filters = args.length > 0 ? ["--pass-with-no-tests", ...args] : [];
    const { code, output, failures } = await runTests(
      // Playwright empties its output folder when it begins. Each run has a folder of its own, so that all traces stay.
      ["--project=core", "--output=test-results/postgresql", ...filters],
      { TEST_POSTGRES_URL: postgres.url },
      "collect",
    );
    console.log(`\nThe core on PostgreSQL\n${output}`);
    return { code, failures };
  } finally {
    await postgres.stop();
  }
}

/**
 * Prints the names of the results that are failures, and sets the exit code of this process. Failed tests are named again with
 * their errors, because a log of CI may be cut to its end.
 */
export function reportResults(results: Record<string, Result>) {
  const failed = Object.entries(results).filter(([, { code }]) => code !== 0);
  for (const [name, { failures }] of failed) if (failures) console.log(`\nFailed in ${name}\n${failures.trimEnd()}`);
  const names = failed.map(([name]) => name).join(", ");
  console.log(names ? `\n✗ Failed: ${names}` : "\n✓ Everything passed");
  process.exitCode = names ? 1 : 0;
}
