import { type Queries, statement, type Transaction } from "@/lib/db/database";

/**
 * How the names of the rows of `Mark` begin that say which events of the service are published, so that several servers publish each
 * once. They are written under the lock `service-events`. `npm run restore` deletes them with the events.
 */
const PREFIX = "published ";

const LIST_PUBLISHED = statement({
  params: {},
  row: { name: "text", at: "time" },
  sql: `SELECT "name", "at" FROM "Mark" WHERE "name" LIKE '${PREFIX}%'`,
});
const SET_PUBLISHED = statement({
  params: { name: "text", at: "time" },
  sql: `INSERT INTO "Mark" ("name", "at") VALUES (:name, :at) ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at"`,
});
const DELETE_PUBLISHED = statement({ params: { name: "text" }, sql: `DELETE FROM "Mark" WHERE "name" = :name` });

/** The time of each mark. */
export type PublishedMarks = ReadonlyMap<string, Date>;

/** Returns all marks. */
export async function readPublished(db: Queries): Promise<PublishedMarks> {
  const rows = await db.all(LIST_PUBLISHED, {});
  return new Map(rows.map(({ name, at }) => [name.slice(PREFIX.length), at]));
}

/** Sets the time of one mark; null deletes it. */
export function setPublished(tx: Transaction, what: string, at: Date | null): void {
  if (at) tx.queue(SET_PUBLISHED, { name: PREFIX + what, at });
  else tx.queue(DELETE_PUBLISHED, { name: PREFIX + what });
}
