import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { migrate } from "../../lib/db/migrator.mjs";
import { PRISMA_PATH, SCHEMA_PATHS } from "./database";
import { startPostgres } from "./postgresql";
import { makePostgresDatabase } from "./test-database";
import { Refusal, runNode } from "./tool.mjs";

/** Makes the schema for PostgreSQL of the schema for SQLite, from which it differs in these lines only. */
export function composePostgresSchema(): string {
  return `/// Made of ../schema.prisma by \`npm run migration\`; change that one.
${readFileSync(SCHEMA_PATHS.sqlite, "utf8")
  .replace("../lib/db/generated/sqlite", "../../lib/db/generated/postgresql")
  .replace('provider = "sqlite"', 'provider = "postgresql"')}`;
}

/** Returns, for each kind of database, the SQL that is missing in its migrations to arrive at its schema; empty if none is. */
export async function diffSchemas(): Promise<Record<keyof typeof SCHEMA_PATHS, string>> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-schemas-"));
  const sqlite = `file:${path.join(folder, "migrated.db")}`;
  const postgres = await startPostgres({ isDurable: false });
  try {
    await migrate(sqlite);
    return {
      sqlite: await diffSchema("sqlite", sqlite, folder),
      postgresql: await diffSchema("postgresql", await makePostgresDatabase(postgres.url), folder),
    };
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true });
  }
}

async function diffSchema(kind: keyof typeof SCHEMA_PATHS, url: string, folder: string): Promise<string> {
  const output = path.join(folder, `${kind}.sql`);
  const { code, output: words } = await runNode(
    [
      PRISMA_PATH,
      "migrate",
      "diff",
      "--from-config-datasource",
      `--to-schema=${SCHEMA_PATHS[kind]}`,
      "--script",
      `--output=${output}`,
    ],
    { env: { DATABASE_URL: url } },
  );
  // The CLI exits with 0 even when its engine has crashed.
  if (code !== 0 || !existsSync(output))
    throw new Refusal(`${words}\n\nPrisma could not compare ${SCHEMA_PATHS[kind]} with its migrations.`);
  const script = readFileSync(output, "utf8");
  return script.trim() === EMPTY_SCRIPT ? "" : script;
}

const EMPTY_SCRIPT = "-- This is an empty migration.";
