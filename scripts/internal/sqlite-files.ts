import { closeSync, fsyncSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { Refusal } from "./tool.mjs";

/**
 * Copies an SQLite file that servers may be writing to, as it is at one moment, into an empty file. By VACUUM INTO rather than
 * by SQLite's backup interface: it reads in one transaction, so it neither stops a server that writes nor has to begin again,
 * and what was deleted, such as a phone, is not left in the copy's free pages.
 */
export function copyDatabase(source: string, draft: string): void {
  const database = new Database(source, { readonly: true });
  try {
    database.prepare("VACUUM INTO ?").run(draft);
  } finally {
    database.close();
  }
}

/** Throws a `Refusal` when SQLite itself finds anything amiss in a file. */
export function assertSound(file: string): void {
  const database = new Database(file, { readonly: true });
  try {
    const verdict = database.pragma("integrity_check", { simple: true });
    if (verdict !== "ok") throw new Refusal(`The copy is not sound, so it was not kept: ${verdict}`);
  } finally {
    database.close();
  }
}

/** Puts a file, or what a folder says of its files, on the disk itself. SQLite leaves that out for VACUUM INTO. */
export function flush(file: string): void {
  const descriptor = openSync(file, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
