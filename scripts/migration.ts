import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MIGRATIONS_FOLDERS } from "../lib/db/migrator.mjs";
import { generateClients, SCHEMA_PATHS } from "./internal/database";
import { composePostgresSchema, diffSchemas } from "./internal/schemas";
import { setTestSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const name = process.argv[3] ?? "";
if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Refusal("Name what changes: npm run migration -- add_something");

setTestSettings();
writeFileSync(SCHEMA_PATHS.postgresql, composePostgresSchema());
const time = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
const lastMigration = Object.values(MIGRATIONS_FOLDERS)
  .flatMap((folder) => readdirSync(folder))
  .filter((entry) => /^\d/.test(entry))
  .sort()
  .at(-1);
if (lastMigration && lastMigration > time)
  throw new Refusal(`The last migration, ${lastMigration}, is of a later time than now: look at your clock.`);
await generateClients();
for (const [kind, script] of Object.entries(await diffSchemas())) {
  if (!script) {
    console.log(`${kind}: nothing to change`);
    continue;
  }
  const folder = path.join(MIGRATIONS_FOLDERS[kind as keyof typeof MIGRATIONS_FOLDERS], `${time}_${name}`);
  mkdirSync(folder);
  writeFileSync(path.join(folder, "migration.sql"), script);
  console.log(`${kind}: ${folder}/migration.sql – read it before you commit it`);
}
