import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { test as serverlessTest } from "playwright/test";
import { bearer, logInWithCookie, logInWithTokens, post } from "../e2e/api/clients";
import { withDatabase } from "../e2e/databases";
import { expect, type Server, test } from "../e2e/fixtures";
import { cleanEnvironment } from "./internal/environment";

type NewClient = Parameters<typeof logInWithCookie>[0];

/** People as they are when a copy is made: two sessions of one account, a code under way, and somebody who came by the account. */
async function settle(newClient: NewClient, freshPhone: () => string, server: Server) {
  const phone = freshPhone();
  const browser = await logInWithCookie(newClient, phone, server);
  const application = await logInWithTokens(newClient, phone, server);
  const invitee = await logInWithTokens(newClient, freshPhone(), server);
  await post(invitee.client, "/api/profile_back/activate_invite/", { code: application.inviteCode });
  const waiting = await newClient({ url: server.url });
  const stateless = freshPhone();
  await post(waiting, "/api/auth/request_code/", { phone: stateless });
  return { phone, browser, application, invitee, waiting, stateless, code: await server.codeFor(stateless) };
}

const TIME = "2026-01-01T00:00:00.000+00:00";

/** Adds a deletion to a copy that was due long ago. Its owner has cancelled it since the copy was made. */
const addOverdueDeletion = (userId: number) => `
  INSERT INTO "DelayedChange" ("userId", "action", "sessionId", "requestedAt", "dueAt")
  VALUES (${userId}, 'deletion', 'gone', '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z')`;

type Town = Awaited<ReturnType<typeof settle>>;

/** No session and no code of before the copy is good at `url`, and the people are there. */
async function expectRestored(newClient: NewClient, town: Town, server: Server) {
  const { phone, browser, application, invitee, waiting, stateless, code } = town;
  const at = (address: string) => `${server.url}${address}`;
  expect((await browser.get(at("/api/profile/"))).status()).toBe(401);
  const tokens = await fetch(at("/api/profile_back/"), { headers: bearer(application.access) });
  expect(tokens.status).toBe(401);
  const refreshed = await waiting.post(at("/api/auth/refresh_token/"), { data: { refresh: application.refresh } });
  expect(refreshed.status()).toBe(401);
  const verified = await waiting.post(at("/api/auth/verify_code/"), { data: { phone: stateless, code } });
  expect(verified.status()).toBe(400);
  const again = await logInWithTokens(newClient, phone, server);
  expect([again.id, again.inviteCode]).toEqual([application.id, application.inviteCode]);
  const profile = await (await again.client.get(at("/api/profile_back/"))).json();
  expect(profile.invited_users).toHaveLength(1);
  return { again, invitee };
}

/** The event log is empty and knows since when it is whole, and no event of the service counts as published. */
async function expectNewEventLog(url: string) {
  const [row] = await withDatabase(url, (query) =>
    query<Record<string, number | string>>(`
      SELECT (SELECT COUNT(*) FROM "Event") AS "events",
        (SELECT COUNT(*) FROM "Mark" WHERE "name" = 'events_since') AS "since",
        (SELECT COUNT(*) FROM "Mark" WHERE "name" LIKE 'published %') AS "published"`),
  );
  const counts = Object.entries(row ?? {}).map(([name, count]) => [name, Number(count)]);
  expect(Object.fromEntries(counts)).toEqual({ events: 0, since: 1, published: 0 });
}

test("a restored copy brings back the people, and neither sessions nor codes; the database before is kept", async ({
  startServer,
  newClient,
  freshPhone,
}) => {
  test.slow();
  const server = await startServer();
  const town = await settle(newClient, freshPhone, server);
  const file = path.join(server.dataFolder, "sarafan.db");
  const copy = path.join(server.dataFolder, "monday.db");
  expect((await run("backup", server.databaseUrl, copy)).code).toBe(0);
  new Database(copy).exec(addOverdueDeletion(town.application.id)).close();
  // What has ended since: a session, an account, and the demonstration.
  const { id: lastId } = await logInWithTokens(newClient, freshPhone(), server);
  await fetch(`${server.url}/api/health/live`, { headers: { "x-forwarded-for": "203.0.113.7" } });

  const early = await run("restore", server.databaseUrl, copy);
  expect([early.code, early.errors]).toEqual([1, `${file} is in use: end the server first. Nothing was changed.\n`]);
  await server.stop();
  const { code, output, errors } = await run("restore", server.databaseUrl, copy);
  expect([code, errors]).toEqual([0, ""]);
  expect(output).toContain("All sessions have ended");
  expect(output).toContain("Changes of accounts that were to take effect later were dropped (1).");
  expect(output).toContain("accounts that were deleted since are there again");
  expect(output).toContain("The event log is empty");
  await expectNewEventLog(server.databaseUrl);
  const names = readdirSync(server.dataFolder).filter((name) => name.startsWith("sarafan.db"));
  expect(names.sort()).toEqual(["sarafan.db", expect.stringMatching(/^sarafan\.db\.before-/)]);
  expect(countAccounts(path.join(server.dataFolder, String(names[1])))).toBe(3);
  expect(countAccounts(file)).toBe(2);

  await server.start();
  await expectRestored(newClient, town, server);
  const newcomer = await logInWithTokens(newClient, freshPhone(), server);
  expect(newcomer.id, "an id that other services may know is nobody else's").toBeGreaterThan(lastId);
  const asked = await fetch(`${server.url}/api/policy`);
  expect((await asked.json()).codes.revealed, "no demonstration is revived").toBe(false);
});

test("an SQLite goes to a PostgreSQL with its people, and neither sessions nor codes", async ({
  startServer,
  newClient,
  freshPhone,
  postgres,
}) => {
  test.slow();
  const server = await startServer();
  const town = await settle(newClient, freshPhone, server);
  // An account that was deleted, whose id is given to nobody.
  const phone = freshPhone();
  const leaving = await logInWithCookie(newClient, phone, server);
  const { id } = await logInWithTokens(newClient, phone, server);
  expect((await leaving.delete(`/api/users/${id}/`)).status()).toBe(204);
  const url = await (await postgres()).createDatabase();
  await server.stop();
  const { code, output, errors } = await run("restore", url, path.join(server.dataFolder, "sarafan.db"));
  expect([code, errors]).toEqual([0, ""]);
  expect(output).toContain("All sessions have ended");
  await expectNewEventLog(url);
  const second = await run("restore", url, path.join(server.dataFolder, "sarafan.db"));
  expect([second.code, second.errors]).toEqual([1, expect.stringContaining("has accounts already")]);

  const AUTH_SECRET = readFileSync(path.join(server.dataFolder, "auth-secret"), "utf8").trim();
  const moved = await startServer({ DATABASE_URL: url, AUTH_SECRET, APP_URL: "" }, { beside: server });
  const { again } = await expectRestored(newClient, town, moved);
  const newcomer = await logInWithTokens(newClient, freshPhone(), moved);
  expect(newcomer.id).toBeGreaterThan(id);
  expect(again.id).toBeLessThan(id);
});

test("a PostgreSQL that a dump was restored into is checked, and its sessions and codes are ended", async ({
  startServer,
  newClient,
  freshPhone,
  postgres,
}) => {
  test.slow();
  const server = await startServer({}, { database: "postgresql" });
  const town = await settle(newClient, freshPhone, server);
  await server.stop();
  const url = await (await postgres()).createDatabase(server.databaseUrl);
  await withDatabase(url, (query) => query(addOverdueDeletion(town.application.id)));
  const { code, output, errors } = await run("restore", url);
  expect([code, errors]).toEqual([0, ""]);
  expect(output).toContain("All sessions have ended");
  await expectNewEventLog(url);
  const restored = await startServer({ DATABASE_URL: url, APP_URL: "" }, { beside: server });
  await expectRestored(newClient, town, restored);
  await withDatabase(url, (query) => query('UPDATE "User" SET "referralCount" = 7'));
  const miscounted = await run("restore", url);
  expect([miscounted.code, miscounted.errors]).toEqual([1, expect.stringContaining("is not whole")]);
});

serverlessTest(
  "the webhook endpoints of a copy come back paused, and they, its API keys and its applications are named",
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-restore-"));
    try {
      const [file, copy] = [path.join(folder, "sarafan.db"), path.join(folder, "copy.db")];
      expect((await run("migrate", `file:${copy}`)).code).toBe(0);
      const database = new Database(copy);
      const addEndpoint = database.prepare(`
      INSERT INTO "WebhookEndpoint" ("id", "url", "description", "hasPhones", "state", "secret", "publicKey", "cursorAt",
        "cursorTransactionId", "cursorId", "version", "madeAt")
      VALUES (:id, 'https://shop.example/' || :id, '', FALSE, :state, '', '', :time, 0, 0, 1, :time)`);
      const addKey = database.prepare(`
      INSERT INTO "ApiKey" ("id", "name", "keyHash", "hint", "scopes", "madeAt", "revokedAt", "endsAt")
      VALUES (:id, :name, :name, 'sk_' || :name, '', :time, :revokedAt, :endsAt)`);
      for (const [id, state] of Object.entries({ we_a: "active", we_p: "paused", we_d: "disabled", we_x: "deleted" }))
        addEndpoint.run({ id, state, time: TIME });
      for (const key of [
        { id: 1, name: "shop", revokedAt: null, endsAt: null },
        { id: 2, name: "mirror", revokedAt: null, endsAt: "2999-01-01T00:00:00.000+00:00" },
        { id: 3, name: "revoked", revokedAt: TIME, endsAt: null },
        { id: 4, name: "over", revokedAt: null, endsAt: TIME },
      ])
        addKey.run({ ...key, time: TIME });
      const addClient = database.prepare(`
      INSERT INTO "OAuthClient" ("id", "name", "redirectUris", "postLogoutUris", "scopes", "isFirstParty", "signingAlgorithm",
        "createdAt", "disabledAt")
      VALUES (:id, 'club', '[]', '[]', 'openid', FALSE, 'RS256', :time, :disabledAt)`);
      for (const client of [
        { id: "a1", disabledAt: null },
        { id: "a2", disabledAt: TIME },
      ])
        addClient.run({ ...client, time: TIME });
      database.close();
      const { code, output, errors } = await run("restore", `file:${file}`, copy);
      expect([code, errors]).toEqual([0, ""]);
      const named = /are paused.+:\n((?: {2}.+\n)*).+ are good.+:\n((?: {2}.+\n)*).+ log in to.+:\n((?: {2}.+\n)*)$/;
      const [, paused, good, clients] = named.exec(output) ?? [];
      expect(paused).toBe("  we_a https://shop.example/we_a\n");
      expect(good).toBe("  1 shop (sk_shop…)\n  2 mirror (sk_mirror…)\n");
      expect(clients).toBe("  a1 club\n");
      const restored = new Database(file, { readonly: true });
      const states = restored
        .prepare('SELECT "id", "state", "version" FROM "WebhookEndpoint" ORDER BY "id"')
        .raw()
        .all();
      restored.close();
      expect(states).toEqual([
        ["we_a", "paused", 2],
        ["we_d", "disabled", 1],
        ["we_p", "paused", 1],
        ["we_x", "deleted", 1],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

serverlessTest("a copy that is damaged, none of ours, newer or not there changes nothing", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-restore-"));
  try {
    const [file, copy] = [path.join(folder, "sarafan.db"), path.join(folder, "copy.db")];
    writeFileSync(file, "what was there");
    const restore = async () => {
      const { code, errors } = await run("restore", `file:${file}`, copy);
      expect(code).toBe(1);
      expect(errors).not.toMatch(/^\s+at /m);
      return errors;
    };
    expect(await restore()).toContain("There is no copy at");
    writeFileSync(copy, "no database, however long it is".repeat(100));
    expect(await restore()).toContain("could not be read as a database");
    rmSync(copy);
    new Database(copy).exec('CREATE TABLE "User" (id INTEGER)').close();
    expect(await restore(), "without the names of its migrations").toContain("could not be read as a database");
    truncateSync(copy, 3000);
    expect(await restore()).toMatch(/could not be read as a database|not sound/);
    rmSync(copy);
    new Database(copy)
      .exec("CREATE TABLE _prisma_migrations (migration_name TEXT, finished_at TEXT, rolled_back_at TEXT)")
      .exec("INSERT INTO _prisma_migrations VALUES ('29990101000000_later', 'then', NULL)")
      .close();
    expect(await restore()).toContain("of a newer version");
    expect(readdirSync(folder).sort()).toEqual(
      ["auth-secret", "copy.db", "sarafan.db"].filter((name) => existsSync(path.join(folder, name))),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function run(task: "backup" | "migrate" | "restore", url: string, ...args: string[]) {
  const child = spawn(process.execPath, ["scripts/run.mjs", task, ...args], {
    env: cleanEnvironment({ DATABASE_URL: url }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, output, errors };
}

function countAccounts(file: string) {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare('SELECT count(*) FROM "User"').pluck().get();
  } finally {
    database.close();
  }
}
