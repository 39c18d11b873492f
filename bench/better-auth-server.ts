// better-auth with its phone plugin, one process on bare Node: `better-auth-server.ts <port> <database's address>`.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { phoneNumber } from "better-auth/plugins";
import Database from "better-sqlite3";
import { Pool } from "pg";

const [port, url = ""] = process.argv.slice(2);

const options = {
  // The pool has ten connections, like Sarafan's.
  database: url.startsWith("file:") ? openSqlite(url.slice("file:".length)) : new Pool({ connectionString: url }),
  baseURL: `http://127.0.0.1:${port}`,
  secret: "for a bench on this machine, and for nothing else",
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    phoneNumber({
      // The answer contains the code, like Sarafan's while it reveals codes.
      sendOTP: ({ code }, ctx) => ctx?.setHeader("code", code),
      signUpOnVerification: { getTempEmail: (phone) => `${phone.slice(1)}@example.com` },
    }),
  ],
} satisfies Parameters<typeof betterAuth>[0];

await (await getMigrations(options)).runMigrations();
const handle = toNodeHandler(betterAuth(options));
createServer((request, response) => void handle(request, response)).listen(Number(port), "127.0.0.1");

/** Opens SQLite with Sarafan's pragmas. Its defaults are journal_mode = DELETE and synchronous = FULL. */
function openSqlite(file: string) {
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.pragma("foreign_keys = ON");
  return database;
}
