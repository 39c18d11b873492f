import path from "node:path";
import { defineConfig } from "prisma/config";
import { env } from "./lib/env";

// The CLI reads this variable before it looks for, and downloads, a native engine.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= path.resolve("prisma/schema-engine.mjs");

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: env.DATABASE_URL },
});
