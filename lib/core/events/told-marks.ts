import { type Queries, statement, type Transaction } from "@/lib/db/database";

/**
 * The names of rows of `Mark` that remember what the event log tells of the service, so that several servers tell it once. They are
 * read and written under the lock `service-events`. `npm run restore` deletes them with the events.
 */
const TOLD = "told ";

const LIST_TOLD = statement({
  params: {},
  row: { name: "text", at: "time" },
  sql: `SELECT "name", "at" FROM "Mark" WHERE "name" LIKE '${TOLD}%'`,
});
const SET_TOLD = statement({
  params: { name: "text", at: "time" },
  sql: `INSERT INTO "Mark" ("name", "at") VALUES (:name, :at) ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at"`,
});
const FORGET_TOLD = statement({ params: { name: "text" }, sql: `DELETE FROM "Mark" WHERE "name" = :name` });

/** Returns the time that is remembered of each thing that was told. */
export async function readTold(db: Queries): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.all(LIST_TOLD, {});
  return new Map(rows.map(({ name, at }) => [name.slice(TOLD.length), at]));
}

/** Remembers a time of a thing that is told; null forgets it. */
export function setTold(tx: Transaction, what: string, at: Date | null): void {
  if (at) tx.queue(SET_TOLD, { name: TOLD + what, at });
  else tx.queue(FORGET_TOLD, { name: TOLD + what });
}
