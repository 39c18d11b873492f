import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { cleanEnvironment } from "../scripts/environment";
import { findFreePort } from "../scripts/free-port";
import { type Contestant, newcomer, returning } from "./contestant";
import { type Step, type Visitor, visit } from "./load";
import { betterAuthSeed, type Town } from "./seed";
import { startServer } from "./server";

const SEND_OTP: Step = {
  path: "/api/auth/phone-number/send-otp",
  body: ({ phone }) => ({ phoneNumber: phone }),
  read: (visitor, { headers }) => {
    visitor.code = headers.code ?? "";
  },
};
const VERIFY: Step = {
  path: "/api/auth/phone-number/verify",
  body: ({ phone, code }) => ({ phoneNumber: phone, code }),
};
const GET_SESSION: Step = { path: "/api/auth/get-session" };

/** better-auth with its phone plugin on SQLite, with as many accounts as the town has. */
export async function enterBetterAuth(town: Town, { connections }: { connections: number }): Promise<Contestant> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-bench-"));
  const file = path.join(folder, "better-auth.db");
  const port = await findFreePort();
  const server = await startServer({
    args: ["--import", "tsx", "bench/better-auth-server.ts", String(port), file],
    env: cleanEnvironment({ NODE_ENV: "production" }),
    port,
    path: "/api/auth/ok",
  });
  const database = new Database(file);
  database.exec(betterAuthSeed(town));
  database.exec("ANALYZE");
  database.close();

  const visitor = newcomer();
  const flow = [SEND_OTP, VERIFY, GET_SESSION];
  await visit(server.url, flow, { begin: () => visitor, connections: 1, limit: { visits: 1 } });
  const drive = (steps: Step[], begin: () => Visitor) => (seconds: number) =>
    visit(server.url, steps, { begin, connections, limit: { seconds } });
  return {
    name: "better-auth, SQLite",
    server,
    rows: [
      { part: "session", label: "session check", drive: drive([GET_SESSION], returning(visitor)) },
      { part: "login", label: "full login", drive: drive(flow, newcomer) },
    ],
    remove: async () => {
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
