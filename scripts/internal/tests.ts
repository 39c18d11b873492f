import { startPostgres } from "./postgresql";
import { runNode } from "./tool.mjs";

/**
 * Runs Playwright with `args`, without its global setup: the caller has prepared what the tests need. Resolves to its exit code,
 * and with `output: "collect"` also to its output.
 */
export function runTests(args: string[], env: Record<string, string> = {}, output: "collect" | "inherit" = "inherit") {
  return runNode(["node_modules/playwright/cli.js", "test", ...args], {
    env: { TEST_PREPARED: "true", ...env },
    output,
  });
}

/** Runs the core's tests on a PostgreSQL that is deleted afterwards, and prints their output when they have ended. */
export async function runTestsOnPostgres(args: string[]): Promise<{ code: number }> {
  const postgres = await startPostgres({ isDurable: false });
  try {
    // A filter may name tests of other parts, or of SQLite only.
    const filters = args.length > 0 ? ["--pass-with-no-tests", ...args] : [];
    const { code, output } = await runTests(
      // Playwright empties its output folder when it begins. Each run has a folder of its own, so that all traces stay.
      ["--project=core", "--output=test-results/postgresql", ...filters],
      { TEST_POSTGRES_URL: postgres.url },
      "collect",
    );
    console.log(`\nThe core on PostgreSQL\n${output}`);
    return { code };
  } finally {
    await postgres.stop();
  }
}

/** Prints the names of the results that are failures, and sets the exit code of this process. */
export function reportResults(results: Record<string, { code: number }>) {
  const failed = Object.entries(results).flatMap(([name, { code }]) => (code === 0 ? [] : name));
  console.log(failed.length > 0 ? `\n✗ Failed: ${failed.join(", ")}` : "\n✓ Everything passed");
  process.exitCode = failed.length > 0 ? 1 : 0;
}
