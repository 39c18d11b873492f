import { writeFileSync } from "node:fs";
import { Client } from "pg";
import { migrate as applyMigrations } from "../../lib/db/migrator.mjs";
import { databaseFile } from "./data-folder.mjs";
import { hashSources, isStampedWith } from "./stamp.mjs";
import { Refusal, runNode, runSetupStep } from "./tool.mjs";

export const PRISMA_PATH = "node_modules/prisma/build/index.js";
const CLIENT_STAMP_PATH = "lib/db/generated/.schema";
const CONNECT_MS_MAX = 10_000;

/** The paths of Prisma's schemas. People write the one for SQLite; `npm run migration` makes the one for PostgreSQL of it. */
export const SCHEMA_PATHS = { sqlite: "prisma/schema.prisma", postgresql: "prisma/postgresql/schema.prisma" } as const;

const hashSchemas = () => hashSources([...Object.values(SCHEMA_PATHS), "prisma.config.ts", "package-lock.json"]);

/** Whether Prisma's clients were generated from the present schemas. */
export function isClientGenerated(): boolean {
  return isStampedWith(CLIENT_STAMP_PATH, hashSchemas());
}

/** Generates Prisma's clients, one for each kind of database. Throws a `Refusal` when that fails. */
export async function generateClient() {
  const schemas = hashSchemas();
  for (const [kind, schema] of Object.entries(SCHEMA_PATHS)) {
    await runSetupStep(
      `Generating the client for ${kind}`,
      () => runNode([PRISMA_PATH, "generate", "--no-hints", `--schema=${schema}`]),
      "Prisma could not generate its client; its reasons are above.",
    );
  }
  writeFileSync(CLIENT_STAMP_PATH, schemas);
}

/** Applies the pending migrations to the database at `url`. Throws a `Refusal`, with the database unchanged, if that fails. */
export async function migrate(url: string) {
  if (!databaseFile(url)) await (await connectTo(url)).end();
  try {
    await applyMigrations(url, () => console.log("Preparing the database"));
  } catch (error) {
    const { name, message } = error as Error;
    throw new Refusal(
      name === "ForeignDatabase"
        ? message
        : `The database could not be brought up to date (${message}); it is as it was, and nothing is served until it is.`,
    );
  }
}

/** Opens a connection to the PostgreSQL at `url`, which the caller has to end. Throws a `Refusal` when it can't be reached. */
export async function connectTo(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX });
  try {
    await client.connect();
    return client;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw new Refusal(`The database of DATABASE_URL can't be reached (${message || code}).`);
  }
}
