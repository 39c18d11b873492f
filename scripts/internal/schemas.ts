import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PRISMA, SCHEMAS } from "./database";
import { startPostgres } from "./postgresql";
import { makeDatabase, makePostgresDatabase } from "./test-database";
import { Refusal, runNode } from "./tool.mjs";

/** The schema for PostgreSQL, which is the one for SQLite in all but these lines. */
export function composePostgresSchema(): string {
  return `/// Made of ../schema.prisma by \`npm run migration\`; change that one.
${readFileSync(SCHEMAS.sqlite, "utf8")
  .replace("../lib/db/generated/sqlite", "../../lib/db/generated/postgresql")
  .replace('provider = "sqlite"', 'provider = "postgresql"')}`;
}

/** What each schema has that its migrations don't make yet, as SQL; nothing when they agree. */
export async function diffSchemas(): Promise<Record<keyof typeof SCHEMAS, string>> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-schemas-"));
  const postgres = await startPostgres({ isDurable: false });
  try {
    return {
      sqlite: await diff("sqlite", makeDatabase(path.join(folder, "migrated.db")), folder),
      postgresql: await diff("postgresql", await makePostgresDatabase(postgres.url), folder),
    };
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true });
  }
}

async function diff(kind: keyof typeof SCHEMAS, url: string, folder: string): Promise<string> {
  const output = path.join(folder, `${kind}.sql`);
  const { code, output: words } = await runNode(
    [
      PRISMA,
      "migrate",
      "diff",
      "--from-config-datasource",
      `--to-schema=${SCHEMAS[kind]}`,
      "--script",
      `--output=${output}`,
    ],
    { env: { DATABASE_URL: url } },
  );
  // The CLI ends with 0 even where its engine broke down.
  if (code !== 0 || !existsSync(output))
    throw new Refusal(`${words}\n\nPrisma could not compare ${SCHEMAS[kind]} with its migrations.`);
  const script = readFileSync(output, "utf8");
  return script.trim() === EMPTY ? "" : script;
}

const EMPTY = "-- This is an empty migration.";
