import { closeSync, fsyncSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { Refusal } from "./tool.mjs";

/**
 * Copies an SQLite file into the empty file `draft`, as it is at one moment, even while servers write to it. VACUUM INTO reads
 * in one transaction: unlike SQLite's backup interface it neither blocks writers nor starts again after a write, and deleted
 * data, such as a phone, does not stay in free pages of the copy.
 */
export function copyDatabase(source: string, draft: string): void {
  const database = new Database(source, { readonly: true });
  try {
    database.prepare("VACUUM INTO ?").run(draft);
  } finally {
    database.close();
  }
}

/** Throws a `Refusal` if SQLite's integrity check finds a fault in the file. */
export function assertIntact(file: string): void {
  const database = new Database(file, { readonly: true });
  try {
    const verdict = database.pragma("integrity_check", { simple: true });
    if (verdict !== "ok") throw new Refusal(`The copy is not sound, so it was not kept: ${verdict}`);
  } finally {
    database.close();
  }
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
