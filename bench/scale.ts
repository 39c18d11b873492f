import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { printTable } from "../scripts/internal/markdown-tables";
import { setTestSettings } from "../scripts/internal/settings";
import { Refusal } from "../scripts/internal/tool.mjs";
import { bytesOf, loadOf } from "./large-town";
import { measureRowSizes, type RowSize } from "./row-sizes";
import { ATTACK_NAMES, splitAlarm, splitBudget } from "./split-limits";

const ROUND_TRIP_MS = 1;

// Local settings must not affect the tables in docs/scale.md.
setTestSettings();
const policy = await import("../lib/core/policy");
const { values } = parseArgs({ options: { rows: { type: "string", default: "100000" } } });
const rows = Number(values.rows);
if (!Number.isSafeInteger(rows) || rows < 1) throw new Refusal("--rows wants a whole number, 1 or more.");

const sizes = await measureSizes(rows);
print("Bytes a row", {
  heads: ["table", "SQLite: row", "its indexes", "PostgreSQL: row", "its indexes"],
  rows: sizes.map(({ table, sqlite, postgresql }) => [
    table,
    ...[sqlite.rows, sqlite.indexes, postgresql.rows, postgresql.indexes].map((bytes) => bytes.toFixed(0)),
  ]),
});
print("100 million accounts: rows and bytes", {
  heads: ["table", "a row is kept", "rows", "GB on PostgreSQL"],
  rows: bytesOf(sizes, policy),
});
print("100 million accounts: the busiest second", {
  heads: ["", "a day", "a second", "statements", "transactions", "round trips", "connections"],
  rows: loadOf(ROUND_TRIP_MS),
});
print("A day's budget on shards", {
  heads: ["kept by", "shards", "sent beyond it", "refused early", "bound", "first refusal, min"],
  rows: splitBudget([16, 64, 256]),
});
print("The alarm on shards", {
  heads: ["kept by", "shards", "false alarms, %", ...ATTACK_NAMES],
  rows: splitAlarm(policy, [16, 64, 256, 1024]),
});

async function measureSizes(count: number): Promise<RowSize[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-scale-"));
  try {
    return await measureRowSizes(count, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(title: string, table: Parameters<typeof printTable>[0]) {
  console.log(`## ${title}\n\n${printTable(table)}\n`);
}
