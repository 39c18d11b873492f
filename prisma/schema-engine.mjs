#!/usr/bin/env node
/**
 * Runs Prisma's schema engine as WebAssembly, for `prisma generate` and `prisma migrate diff`, with the interface of the native engine:
 * JSON-RPC, one message a line. Without it the Prisma CLI downloads the native engine, which is impossible in a closed network.
 * prisma.config.ts names this file in PRISMA_SCHEMA_ENGINE_BINARY.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import * as bindings from "@prisma/schema-engine-wasm/schema_engine_bg";

/** The JSON-RPC code of errors that the CLI shows to its user. */
const KNOWN_ERROR = 4466;

/** PostgreSQL's ids of two of its types. The adapter knows only the second. */
const [CHAR, TEXT] = [18, 25];

const argumentAfter = (flag) => {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : process.argv[at + 1];
};

if (process.argv.includes("cli")) {
  // The CLI expects this sentence from `cli can-connect-to-database`. The next step fails if it is not true.
  console.log("Connection successful");
  process.exit(0);
}

const { url: namedUrl = "file::memory:" } = JSON.parse(argumentAfter("--datasource") ?? "{}");
const isPostgresql = /^postgres(ql)?:/i.test(namedUrl);
// prisma.config.ts names it without the password.
const url = isPostgresql ? (process.env.DATABASE_URL ?? namedUrl) : namedUrl;
const schemaPath = argumentAfter("--datamodels");
const schema = schemaPath
  ? [schemaPath, await readFile(schemaPath, "utf8")]
  : ["schema.prisma", `datasource db { provider = "${isPostgresql ? "postgresql" : "sqlite"}" }`];

const engine = await startEngine();
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) await answer(JSON.parse(line));
}

async function answer({ id, method, params }) {
  try {
    const result = await engine[method === "getDatabaseVersion" ? "version" : method](params);
    // The native engine prints diffs by a separate request; this one returns them.
    if (result?.stdout) send({ id: "print", method: "print", params: { content: result.stdout } });
    send({ id, result: result ?? null });
  } catch (error) {
    const data = { is_panic: false, message: error.message, meta: null, error_code: error.code };
    send({ id, error: { code: KNOWN_ERROR, message: error.message, data } });
  }
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

async function startEngine() {
  // The engine writes its message here before it panics.
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => console.error(message) };
  const folder = path.dirname(createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm"));
  const module = await readFile(path.join(folder, "schema_engine_bg.wasm"));
  const { instance } = await WebAssembly.instantiate(module, { "./schema_engine_bg.js": bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  return bindings.SchemaEngine.new(
    { datamodels: [schema] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(isPostgresql ? postgresqlFactory() : new PrismaBetterSqlite3({ url })),
  );
}

/**
 * pg's adapter, extended to read the type "char", by which PostgreSQL's catalogue distinguishes functions from procedures and kinds of
 * constraints.
 */
function postgresqlFactory() {
  const factory = new PrismaPg({ connectionString: url });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    const pool = connection.underlyingDriver();
    const query = pool.query.bind(pool);
    pool.query = async (...args) => {
      const result = await query(...args);
      for (const field of result.fields ?? []) if (field.dataTypeID === CHAR) field.dataTypeID = TEXT;
      return result;
    };
    const queryRaw = connection.queryRaw.bind(connection);
    connection.queryRaw = async (asked) => {
      const result = await queryRaw(asked);
      const at = result.columnNames.indexOf("constraint_type");
      if (at >= 0) result.columnTypes[at] = ColumnTypeEnum.Character;
      return result;
    };
    return connection;
  };
  return factory;
}
