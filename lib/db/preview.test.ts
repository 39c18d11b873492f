import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { test as base, expect } from "playwright/test";
import { makePreviewDatabase } from "../../scripts/internal/preview-database";
import { isMigrated } from "./migrator.mjs";
import { providePreviewDatabase } from "./preview";

const test = base.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  folder: async ({}, use) => {
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-preview-"));
    await use(folder);
    rmSync(folder, { recursive: true });
  },
});

test("a preview begins with a migrated database without people, marked as a demonstration, and keeps it", async ({
  folder,
}) => {
  const [file, empty] = [path.join(folder, "preview.db"), path.join(folder, "empty.db")];
  await makePreviewDatabase(empty);
  const bytes = readFileSync(empty);
  expect(providePreviewDatabase(`file:${file}`, empty)).toBe(`file:${file}`);
  expect(await isMigrated(`file:${file}`)).toBe(true);
  const database = new Database(file);
  const count = (table: string) => database.prepare(`SELECT count(*) FROM "${table}"`).pluck().get();
  expect([count("User"), count("AuditEvent")]).toEqual([0, 0]);
  expect(database.prepare('SELECT "name" FROM "Mark"').pluck().all()).toEqual(["demonstration"]);
  database.close();
  writeFileSync(file, "what this preview has stored");
  providePreviewDatabase(`file:${file}`, empty);
  expect(readFileSync(file, "utf8")).toBe("what this preview has stored");
  expect(readFileSync(empty)).toEqual(bytes);
});
