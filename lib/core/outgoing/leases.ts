import { type Kinds, type Statement, statement } from "@/lib/db/database";

/** The SQL of the time by the database's clock. */
export const DATABASE_NOW = {
  sqlite: `strftime('%Y-%m-%dT%H:%M:%f', 'now') || '+00:00'`,
  postgresql: "CAST(statement_timestamp() AT TIME ZONE 'UTC' AS timestamp(3))",
};
/** The SQL of `:now`, or of the time by the database's clock if `:now` is null. */
export const NOW = {
  sqlite: `COALESCE(:now, ${DATABASE_NOW.sqlite})`,
  postgresql: `COALESCE(:now, ${DATABASE_NOW.postgresql})`,
};

/** The statements that lease due rows of a receiver to a worker, and give them back. `ids` is a JSON array. */
export interface LeaseStatements<Row> {
  leaseDue: Statement<{ receiverId: string; now: Date; limit: number; worker: string; until: Date }, Row>;
  giveBack: Statement<{ ids: string; worker: string; dueAt: Date }, unknown>;
}

/**
 * Makes the statements for a table with the columns `id`, `dueAt` and `worker`, whose column `receiver` has the receiver's id. A lease
 * returns the columns `row`, and skips rows that another worker is leasing now.
 */
export function leaseStatements<const Row extends Kinds & { id: "text" | "integer" }>(
  table: string,
  receiver: string,
  row: Row,
) {
  const findDue = `
    SELECT "id" FROM "${table}" WHERE "${receiver}" = :receiverId AND "dueAt" <= :now ORDER BY "dueAt" LIMIT :limit`;
  const columns = Object.keys(row).map((name) => `"${name}"`);
  const lease = (due: string) => `
    UPDATE "${table}" SET "worker" = :worker, "dueAt" = :until WHERE "id" ${due} RETURNING ${columns.join(", ")}`;
  const giveBack = (ids: string) => `
    UPDATE "${table}" SET "worker" = NULL, "dueAt" = :dueAt WHERE "id" ${ids} AND "worker" = :worker`;
  return {
    leaseDue: statement({
      params: { receiverId: "text", now: "time", limit: "integer", worker: "text", until: "time" },
      row,
      sql: {
        sqlite: lease(`IN (${findDue})`),
        postgresql: lease(`= ANY (ARRAY (${findDue} FOR UPDATE SKIP LOCKED))`),
      },
    }),
    giveBack: statement({
      params: { ids: "text", worker: "text", dueAt: "time" },
      sql: {
        sqlite: giveBack('IN (SELECT "value" FROM json_each(:ids))'),
        postgresql: giveBack(
          `= ANY (ARRAY (SELECT CAST("value" AS ${row.id}) FROM jsonb_array_elements_text(CAST(:ids AS jsonb)) AS "value"))`,
        ),
      },
    }),
  };
}
