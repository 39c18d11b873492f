import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { cleanEnvironment } from "../scripts/internal/environment";

/** The `AUTH_SECRET` of all servers and commands of a run. */
export const SECRET = randomBytes(32).toString("hex");

/** Runs a command of package.json, such as `migrate`, on a database. Returns what it printed. */
export async function runCommand(url: string, ...args: string[]): Promise<string> {
  const env = cleanEnvironment({ DATABASE_URL: url, AUTH_SECRET: SECRET });
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/run.mjs", ...args], { env });
  return stdout;
}
