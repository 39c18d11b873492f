import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { test as serverlessTest } from "playwright/test";
import { bearer, logInWithTokens } from "../e2e/api/clients";
import { expect, test } from "../e2e/fixtures";
import { migrate } from "../lib/db/migrator.mjs";
import { cleanEnvironment } from "./internal/environment";

/** Another process that adds people who came by one person's code, one transaction each, and says how many are in. */
const WRITER = `
  const { writeSync } = require("node:fs");
  const database = new (require("better-sqlite3"))(process.argv[1]);
  const inviterId = Number(process.argv[2]);
  const add = database.transaction((number) => {
    const now = new Date().toISOString();
    const person = String(number).padStart(5, "0");
    const { lastInsertRowid } = database
      .prepare('INSERT INTO "User" ("phone", "inviteCode", "createdAt") VALUES (?, ?, ?)')
      .run("+794500" + person, "Z" + person, now);
    database
      .prepare('INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt") VALUES (?, ?, ?, ?)')
      .run(lastInsertRowid, inviterId, "0A0A0A", now);
    database.prepare('UPDATE "User" SET "referralCount" = "referralCount" + 1 WHERE "id" = ?').run(inviterId);
  });
  for (let number = 1; ; number += 1) {
    add.immediate(number);
    writeSync(1, number + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  }
`;

test("a backup is one moment of a database that is being written to, and Sarafan goes on from it", async ({
  startServer,
  newClient,
  phone,
}) => {
  const server = await startServer({ REFERRALS_LISTED_MAX: 10_000 });
  const inviter = await logInWithTokens(newClient, phone, server);
  const file = path.join(server.dataFolder, "sarafan.db");
  const writer = startWriter(file, inviter.id);
  await expect.poll(writer.written).toBeGreaterThan(20);
  const before = writer.written();

  const { code, output, errors } = await backUp(file);
  await expect.poll(writer.written, "the writer goes on").toBeGreaterThan(before + 20);
  await writer.stop();
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const folder = path.join(server.dataFolder, "backups");
  const names = readdirSync(folder);
  expect(names, "one file, and no draft").toEqual([expect.stringMatching(/^sarafan-[\dTZ.-]+\.db$/)]);
  const copy = path.join(folder, String(names[0]));
  expect(output).toContain(copy);
  expect(output, "what is not in it").toContain(path.join(server.dataFolder, "auth-secret"));
  if (process.platform !== "win32") expect(statSync(copy).mode & 0o777).toBe(0o600);

  await server.stop();
  for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true });
  copyFileSync(copy, file);
  await server.start();
  const profile = await inviter.client.get("/api/profile_back/", { headers: bearer(inviter.access) });
  const { invited_users } = await profile.json();
  expect(invited_users.length).toBeGreaterThanOrEqual(before);
  expect(invited_users.length).toBeLessThan(writer.written());
  expect(countReferrals(file, inviter.id)).toEqual({ counter: invited_users.length, rows: invited_users.length });
});

serverlessTest("a backup replaces nothing", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-backup-"));
  try {
    const file = path.join(folder, "sarafan.db");
    await migrate(`file:${file}`);
    const precious = path.join(folder, "precious.db");
    writeFileSync(precious, "what somebody keeps");
    const { code, errors } = await backUp(file, precious);
    expect(code).toBe(1);
    expect(errors).toBe(`${precious} is there already, and a backup replaces nothing.\n`);
    expect(readFileSync(precious, "utf8")).toBe("what somebody keeps");
    expect(readdirSync(folder).sort()).toEqual(["precious.db", "sarafan.db"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

serverlessTest("PostgreSQL is left to its own tool, and who counts on a copy hears that there is none", async () => {
  const env = cleanEnvironment({ DATABASE_URL: "postgresql://sarafan:secret@db.example/sarafan" });
  const { code, errors } = await runBackup(env);
  expect(code).toBe(1);
  expect(errors).toContain('pg_dump --format=custom --file=sarafan.dump "$DATABASE_URL"');
  expect(errors).not.toContain("secret");
});

/** Starts `WRITER`; `written` is how many people it has acknowledged. */
function startWriter(file: string, inviterId: number) {
  const child = spawn(process.execPath, ["--input-type=commonjs", "--eval", WRITER, file, String(inviterId)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let written = 0;
  child.stdout.setEncoding("utf8").on("data", (lines: string) => {
    written += lines.split("\n").length - 1;
  });
  return {
    written: () => written,
    stop: async () => {
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

function backUp(file: string, ...args: string[]) {
  return runBackup(cleanEnvironment({ DATABASE_URL: `file:${file}` }), ...args);
}

async function runBackup(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn(process.execPath, ["scripts/run.mjs", "backup", ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, output, errors };
}

function countReferrals(file: string, inviterId: number) {
  const database = new Database(file, { readonly: true });
  try {
    return database
      .prepare(
        'SELECT "referralCount" AS "counter", (SELECT count(*) FROM "Activation" WHERE "inviterId" = "id") AS "rows" FROM "User" WHERE "id" = ?',
      )
      .get(inviterId);
  } finally {
    database.close();
  }
}
