import { existsSync, readFileSync } from "node:fs";
import { SCHEMAS } from "./database";
import { composePostgresSchema } from "./schemas";
import { NEXT } from "./site";
import { runNode } from "./tool.mjs";

const BIOME = "node_modules/@biomejs/biome/bin/biome";
const TSC = "node_modules/typescript/bin/tsc";

type Result = { code: number; output: string };

/**
 * Checks style and imports, types, and that PostgreSQL's schema is made of SQLite's, all in parallel. Prints each result, and
 * resolves to the results by the names of the checks.
 */
export async function checkSources(): Promise<Record<string, Result>> {
  const colors = `--colors=${process.stdout.isTTY ? "force" : "off"}`;
  const checks = {
    style: runNode([BIOME, "ci", "--error-on-warnings", colors]),
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
  const isMade = readFileSync(SCHEMAS.postgresql, "utf8") === composePostgresSchema();
  return {
    code: isMade ? 0 : 1,
    output: `${SCHEMAS.postgresql} is not what is made of ${SCHEMAS.sqlite}: npm run migration -- what_changes`,
  };
}

/** Checks the types, after Next.js has written those of the present routes; types of old routes would fail the check. */
async function checkTypes(): Promise<Result> {
  const routes = await runNode([NEXT, "typegen"]);
  const site = routes.code === 0 ? await runNode([TSC, "--noEmit"]) : routes;
  return site.code === 0 && existsSync("bench/node_modules") ? checkBenchTypes() : site;
}

/** Checks the types of the bench, whose packages are installed when the bench is first run. */
export function checkBenchTypes(): Promise<Result> {
  return runNode([TSC, "--project", "bench"]);
}
