import { existsSync, readFileSync } from "node:fs";
import { SCHEMA_PATHS } from "./database";
import { composePostgresSchema } from "./schemas";
import { NEXT_PATH } from "./site";
import { runNode } from "./tool.mjs";

export const BIOME_PATH = "node_modules/@biomejs/biome/bin/biome";
const TSC_PATH = "node_modules/typescript/bin/tsc";

type Result = { code: number; output: string };

/**
 * Checks style and imports, types, and that PostgreSQL's schema is made of SQLite's, all in parallel. Prints each result, and
 * resolves to the results by the names of the checks.
 */
export async function checkSources(): Promise<Record<string, Result>> {
  const colors = `--colors=${process.stdout.isTTY ? "force" : "off"}`;
  const checks = {
    style: runNode([BIOME_PATH, "ci", "--error-on-warnings", colors]),
    types: checkTypes(),
    schemas: checkSchemas(),
  };
  const results = Object.entries(checks).map(async ([name, check]) => {
    const result = await check;
    console.log(result.code === 0 ? `✓ ${name}` : `✗ ${name}\n${result.output.trim()}\n`);
    return [name, result] as const;
  });
  return Object.fromEntries(await Promise.all(results));
}

async function checkSchemas(): Promise<Result> {
  const { sqlite, postgresql } = SCHEMA_PATHS;
  const isMade = readFileSync(postgresql, "utf8") === composePostgresSchema();
  return {
    code: isMade ? 0 : 1,
    output: `${postgresql} is not what is made of ${sqlite}: npm run migration -- what_changes`,
  };
}

/** Checks the types, after Next.js has written those of the present routes; types of old routes would fail the check. */
async function checkTypes(): Promise<Result> {
  const routes = await runNode([NEXT_PATH, "typegen"]);
  const site = routes.code === 0 ? await runNode([TSC_PATH, "--noEmit"]) : routes;
  return site.code === 0 && existsSync("bench/node_modules") ? checkBenchTypes() : site;
}

/** Checks the types of the bench, whose packages are installed when the bench is first run. */
export function checkBenchTypes(): Promise<Result> {
  return runNode([TSC_PATH, "--project", "bench"]);
}
