import { rmSync } from "node:fs";
import Database from "better-sqlite3";
import { migrate } from "../../lib/db/migrator.mjs";
import { EMPTY_PREVIEW_PATH } from "../../lib/db/preview";

/** Makes the empty database that each function of a preview copies at its first use: migrated, and marked as a demonstration. */
export async function makePreviewDatabase(file = EMPTY_PREVIEW_PATH): Promise<void> {
  rmSync(file, { force: true });
  await migrate(`file:${file}`);
  const database = new Database(file);
  database.exec(
    `INSERT INTO "Mark" ("name", "at") VALUES ('demonstration', '${new Date().toISOString().slice(0, -1)}+00:00')`,
  );
  database.close();
}
