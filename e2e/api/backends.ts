import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cleanEnvironment } from "../../scripts/internal/environment";
import type { Server } from "../fixtures";

/** All scopes of API keys that these tests know, as `npm run key` takes them. */
export const ALL_SCOPES = [
  ...["accounts:read", "accounts:write", "phones:read", "referrals:read", "activations:read", "activations:write"],
  ...["deliveries:read", "events:read", "webhooks:read", "webhooks:write", "test-numbers:read", "test-numbers:write"],
].join(",");

/** Runs `npm run key` on the server's database, and returns the last line. */
export async function runKey(server: Server, ...args: string[]) {
  const env = cleanEnvironment({ DATABASE_URL: server.databaseUrl });
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/run.mjs", "key", ...args], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** Makes an API key of the server with these scopes, and returns its id and the key. */
export function makeKey(server: Server, scopes = ALL_SCOPES): Promise<{ id: number; key: string }> {
  return runKey(server, "add", "--name", "a test", "--scopes", scopes);
}
