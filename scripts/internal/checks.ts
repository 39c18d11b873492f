import { existsSync, readFileSync } from "node:fs";
import { SCHEMAS } from "./database";
import { composePostgresSchema } from "./schemas";
import { NEXT } from "./site";
import { runNode } from "./tool.mjs";

const BIOME = "node_modules/@biomejs/biome/bin/biome";
const TSC = "node_modules/typescript/bin/tsc";

/** Lint, format and import rules, and types, side by side, and whether PostgreSQL's schema is the other one's. Prints what is wrong; resolves to the names of what failed. */
export async function checkSources(): Promise<string[]> {
  const [style, types] = await Promise.all([
    runNode([BIOME, "ci", "--error-on-warnings", `--colors=${process.stdout.isTTY ? "force" : "off"}`]),
    checkTypes(),
  ]);
  const checks = [
    { name: "style", result: style },
    { name: "types", result: types },
    { name: "schemas", result: checkSchemas() },
  ];
  for (const { name, result } of checks) {
    if (result.code !== 0) console.error(`${result.output.trim()}\n`);
    console.log(`${result.code === 0 ? "✓" : "✗"} ${name}`);
  }
  return checks.filter(({ result }) => result.code !== 0).map(({ name }) => name);
}

function checkSchemas() {
  const isMade = readFileSync(SCHEMAS.postgresql, "utf8") === composePostgresSchema();
  return {
    code: isMade ? 0 : 1,
    output: `${SCHEMAS.postgresql} is not what is made of ${SCHEMAS.sqlite}: npm run migration -- what_changes`,
  };
}

/** Next writes the types of its routes first: stale ones fail the compiler. */
async function checkTypes() {
  const routes = await runNode([NEXT, "typegen"]);
  const site = routes.code === 0 ? await runNode([TSC, "--noEmit"]) : routes;
  return site.code === 0 && existsSync("bench/node_modules") ? checkBenchTypes() : site;
}

/** The bench has types of its own to be checked by, which are there when it has been run. */
export function checkBenchTypes() {
  return runNode([TSC, "--project", "bench"]);
}
