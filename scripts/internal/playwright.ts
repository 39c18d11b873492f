import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startPostgres } from "./postgresql";
import type { Tally } from "./tally";
import { runNode } from "./tool.mjs";

/** Runs Playwright and resolves to its tally. When that doesn't tell all, it crashed or had nothing to run: a failure. */
export async function runPlaywright(args: string[], env: Record<string, string> = {}): Promise<Tally> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-tally-"));
  const TALLY_FILE = path.join(folder, "tally.json");
  try {
    const { code } = await runNode(["node_modules/playwright/cli.js", "test", ...args], {
      env: { ...env, TALLY_FILE },
      output: "inherit",
    });
    const tally: Tally | undefined = existsSync(TALLY_FILE) ? JSON.parse(readFileSync(TALLY_FILE, "utf8")) : undefined;
    if (tally && (code === 0 || tally.failures.length > 0)) return tally;
    const failures = [`The tests broke off (code ${code}).`];
    return { passed: tally?.passed ?? 0, failures, skipped: tally?.skipped ?? 0 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The tests of the core once more, on a real PostgreSQL that is gone afterwards, unless `args` choose none of them. */
export async function runOnPostgres(args: string[]): Promise<Tally> {
  const projects = args.flatMap((arg) => /^--project=(.*)/.exec(arg)?.[1] ?? []);
  if (projects.length > 0 && !projects.includes("core")) return { passed: 0, failures: [], skipped: 0 };
  const postgres = await startPostgres({ isDurable: false });
  try {
    console.log("\nThe core on PostgreSQL");
    return await runPlaywright(["--project=core", ...(args.length > 0 ? ["--pass-with-no-tests"] : []), ...args], {
      TEST_POSTGRES_URL: postgres.url,
    });
  } finally {
    await postgres.stop();
  }
}
