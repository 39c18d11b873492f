import { NEXT } from "./site";
import { runNode } from "./tool.mjs";

const BIOME = "node_modules/@biomejs/biome/bin/biome";

/** Lint, format and import rules, and types, side by side. Prints what is wrong; resolves to the names of what failed. */
export async function checkSources(): Promise<string[]> {
  const [style, types] = await Promise.all([
    runNode([BIOME, "ci", "--error-on-warnings", `--colors=${process.stdout.isTTY ? "force" : "off"}`]),
    checkTypes(),
  ]);
  const checks = [
    { name: "style", result: style },
    { name: "types", result: types },
  ];
  for (const { name, result } of checks) {
    if (result.code !== 0) console.error(`${result.output.trim()}\n`);
    console.log(`${result.code === 0 ? "✓" : "✗"} ${name}`);
  }
  return checks.filter(({ result }) => result.code !== 0).map(({ name }) => name);
}

/** Next writes the types of its routes first: stale ones fail the compiler. */
async function checkTypes() {
  const routes = await runNode([NEXT, "typegen"]);
  return routes.code === 0 ? runNode(["node_modules/typescript/bin/tsc", "--noEmit"]) : routes;
}
