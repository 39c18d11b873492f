import path from "node:path";
import { defineConfig } from "prisma-cli/config";
import { env, isPostgresUrl } from "./lib/env";

// The CLI reads this variable before it looks for, and downloads, a native engine.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= path.resolve("prisma/schema-engine.mjs");

/** The CLI names the URL in a command line, which everybody on the machine can read; our engine knows the whole one. */
function withoutPassword(text: string): string {
  const url = new URL(text);
  url.password = "";
  return url.href;
}

const isPostgres = isPostgresUrl(env.DATABASE_URL);
const folder = isPostgres ? "prisma/postgresql" : "prisma";

export default defineConfig({
  schema: `${folder}/schema.prisma`,
  migrations: { path: `${folder}/migrations` },
  datasource: { url: isPostgres ? withoutPassword(env.DATABASE_URL) : env.DATABASE_URL },
});
