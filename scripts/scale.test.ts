import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";
import { type MarkdownTable, readTables } from "./internal/markdown-tables";

/** A row takes a little more in a small table, whose last pages are emptier. */
const NEAR = 1.25;

test("docs/scale.md has what its script measures and simulates, for each table of the schema", async () => {
  const args = ["--import", "tsx", "bench/scale.ts", "--rows", "5000"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: cleanEnvironment() });
  const [rowSizes, large, ...simulated] = readTables(stdout);
  const documented = readTables(readFileSync("docs/scale.md", "utf8"));
  const written = (table: MarkdownTable | undefined) =>
    documented.find(({ heads }) => heads.join() === table?.heads.join()) ?? null;

  const models = readFileSync("prisma/schema.prisma", "utf8").match(/(?<=^model )\w+/gm) ?? [];
  expect(rowSizes?.rows.map(([name]) => name).sort()).toEqual(models.toSorted());
  expect(simulated).toHaveLength(3);
  for (const table of simulated) expect(written(table)).toEqual(table);
  for (const table of [rowSizes, large]) {
    expect(
      written(table)
        ?.rows.map(([name]) => name)
        .sort(),
    ).toEqual(table?.rows.map(([name]) => name).sort());
    for (const measured of table?.rows ?? []) {
      const row = written(table)?.rows.find(([name]) => name === measured[0]) ?? [];
      for (const [at, cell] of measured.entries()) {
        expect(isNear(cell, row[at] ?? ""), `${measured[0]}: ${cell} measured, ${row[at]} written`).toBe(true);
      }
    }
  }
  const keys = documented.find(({ heads }) => heads[1] === "distribution key");
  expect(keys?.rows.flatMap(([names = ""]) => names.match(/\w+/g) ?? []).sort()).toEqual(models.toSorted());
});

function isNear(measured: string, written: string): boolean {
  const [one = Number.NaN, other = Number.NaN] = [measured, written].map((cell) => Number(cell.replaceAll(",", "")));
  return measured === written || Math.max(one, other) <= NEAR * Math.min(one, other) + 0.1;
}
