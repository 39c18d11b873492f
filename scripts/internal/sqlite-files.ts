import { closeSync, fsyncSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { Refusal } from "./tool.mjs";

/** Opens an SQLite file for `use`, and closes it afterwards. */
export async function withDatabase<Value>(
  file: string,
  options: Database.Options,
  use: (database: Database.Database) => Value | Promise<Value>,
): Promise<Value> {
  const database = new Database(file, options);
  try {
    return await use(database);
  } finally {
    database.close();
  }
}

/**
 * Copies an SQLite file into the empty file `draft`, as it is at one moment, even while servers write to it. VACUUM INTO reads
 * in one transaction: unlike SQLite's backup interface it neither blocks writers nor starts again after a write, and deleted
 * data, such as a phone, does not stay in free pages of the copy.
 */
export async function copyDatabase(source: string, draft: string): Promise<void> {
  await withDatabase(source, { readonly: true }, (database) => database.prepare("VACUUM INTO ?").run(draft));
}

/** Throws a `Refusal` if SQLite's integrity check finds a fault in the file. */
export async function assertIntact(file: string): Promise<void> {
  const verdict = await withDatabase(file, { readonly: true }, (database) =>
    database.pragma("integrity_check", { simple: true }),
  );
  if (verdict !== "ok") throw new Refusal(`The copy is not sound, so it was not kept: ${verdict}`);
}

/** Flushes a file, or the entries of a folder, to the disk (fsync), which VACUUM INTO does not do. */
export function flushToDisk(file: string): void {
  const descriptor = openSync(file, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
