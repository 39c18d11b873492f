import path from "node:path";
import { defineConfig } from "prisma/config";
import { env, isPostgresUrl } from "./lib/env";

// The CLI reads this variable before it looks for, and downloads, a native engine.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= path.resolve("prisma/schema-engine.mjs");

const folder = isPostgresUrl(env.DATABASE_URL) ? "prisma/postgresql" : "prisma";

export default defineConfig({
  schema: `${folder}/schema.prisma`,
  migrations: { path: `${folder}/migrations` },
  datasource: { url: env.DATABASE_URL },
});
