import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { installDependencies } from "../../scripts/internal/dependencies.mjs";
import { expect } from "../fixtures";
import { test } from "./backends";

const FOLDER = "e2e/typed-client";
const SCOPES = "accounts:read,accounts:write,activations:read,events:read,webhooks:read,webhooks:write";
const MINUTE_MS = 60_000;

/** Runs a program with the arguments, and returns what it prints. A failure has all that it printed. */
async function run(program: string, args: string[], cwd = ".") {
  const { stdout } = await promisify(execFile)(program, args, { cwd }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  return stdout;
}

test("the command of docs/api.md makes the types of a client, which uses the management API", async ({
  server,
  newBackend,
  phone,
}) => {
  test.setTimeout(5 * MINUTE_MS);
  test.skip(process.platform === "win32", "npx is no program on Windows");
  const document = readFileSync("docs/api.md", "utf8");
  const [command = ""] = /^npx .*openapi-typescript .*$/m.exec(document) ?? [];
  const [npx = "", ...args] = command.replace("http://localhost:3000", server.url).split(" ");
  expect(args).toContain(`${server.url}/api/openapi.json`);
  await installDependencies({ folder: FOLDER });
  const types = path.join(FOLDER, "sarafan.d.ts");
  rmSync(types, { force: true });
  await run(npx, args, FOLDER);
  await run(process.execPath, ["node_modules/typescript/bin/tsc", "--noEmit", "--project", FOLDER]);
  const { key } = await newBackend(SCOPES);
  const printed = await run(process.execPath, [
    ...["--import", "tsx", path.join(FOLDER, "client.ts"), server.url, key, phone],
  ]);
  const seen = JSON.parse(printed);
  expect(seen).toEqual({
    ...{ id: expect.any(Number), inviteCode: expect.stringMatching(/^\w{6}$/), isSecretShown: true, state: "paused" },
    detail: "The account has activated no code, or there is none.",
    ...{ accounts: [{ id: seen.id, isTest: false }], event: "account.created", statuses: [400, 404] },
  });
});
