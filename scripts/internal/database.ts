import { readFileSync, writeFileSync } from "node:fs";
import { Client } from "pg";
import { migrate as applyMigrations } from "../../lib/db/migrator.mjs";
import { databaseFile } from "./data-folder.mjs";
import { withLock } from "./lock.mjs";
import { hashSources, isStampedWith } from "./stamp.mjs";
import { Refusal, runNode, runSetupStep } from "./tool.mjs";

export const PRISMA_PATH = "node_modules/prisma-cli/build/index.js";
const CLIENT_STAMP_PATH = "lib/db/generated/.schema";
const CONNECT_MS_MAX = 10_000;

/** The paths of Prisma's schemas. People write the one for SQLite; `npm run migration` makes the one for PostgreSQL of it. */
export const SCHEMA_PATHS = { sqlite: "prisma/schema.prisma", postgresql: "prisma/postgresql/schema.prisma" } as const;

const hashSchemas = () => hashSources([...Object.values(SCHEMA_PATHS), "prisma.config.ts", "package-lock.json"]);

/**
 * Generates the types of Prisma's clients if they are out of date. The part of each client that runs is in git, because serving
 * installs no Prisma CLI. Throws a `Refusal` if that part is not what Prisma generates from the present schemas.
 */
export async function provideClientTypes() {
  for (const [kind, schema] of Object.entries(SCHEMA_PATHS)) {
    const client = `lib/db/generated/${kind}/internal/class.ts`;
    if (!isClientOf(readFileSync(schema, "utf8"), readFileSync(client, "utf8")))
      throw new Refusal(`${client} is not what is made of ${schema}: npm run migration -- what_changes`);
  }
  const areTypesCurrent = () => isStampedWith(CLIENT_STAMP_PATH, hashSchemas());
  if (areTypesCurrent()) return;
  await withLock(async () => {
    if (!areTypesCurrent()) await generateClients();
  });
}

/** Whether the text of a generated client has `schema`, which Prisma formats, and is of the Prisma that package.json names. */
export function isClientOf(schema: string, client: string): boolean {
  const words = (text: string) => text.split(/\s+/).join(" ");
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  const inlineSchema = JSON.parse(/"inlineSchema": (".*"),$/m.exec(client)?.[1] ?? '""');
  return (
    words(inlineSchema) === words(schema) && client.includes(`"clientVersion": "${dependencies["@prisma/client"]}"`)
  );
}

/** Generates Prisma's clients, one for each kind of database. Throws a `Refusal` when that fails. */
export async function generateClients() {
  const schemas = hashSchemas();
  const generated = Object.entries(SCHEMA_PATHS).map(([kind, schema]) => {
    // The CLI takes a folder for its own only if it has this file, which is not in git.
    writeFileSync(`lib/db/generated/${kind}/client.ts`, "", { flag: "a" });
    return runSetupStep(
      `Generating the client for ${kind}`,
      () => runNode([PRISMA_PATH, "generate", "--no-hints", `--schema=${schema}`]),
      "Prisma could not generate its client; its reasons are above.",
    );
  });
  await Promise.all(generated);
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
