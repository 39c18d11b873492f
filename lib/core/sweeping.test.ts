import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, _baseTest as test } from "playwright/test";
import { EVENTS_OVER_MARK } from "@/lib/core/accounts/audit-log";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { checkSession } from "@/lib/core/sessions/sessions";
import { MODEL_NAMES } from "@/lib/db/connections";
import { readPrimary, write } from "@/lib/db/database";
import { env, isPostgresUrl } from "@/lib/env";
import { errorsOf } from "@/lib/testing/log";
import { after, anybody, openSession, signUp } from "@/lib/testing/people";
import { makeSweepDue, statementsOf, withoutWrites } from "@/lib/testing/transactions";
import { backgroundTasks, runInBackground } from "./background";
import { AUDIT_EVENTS_KEPT_MS, CLOCK_SKEW_MS_MAX } from "./policy";
import { GROWING_TABLES, ROWS_PER_STEP, sweepTables } from "./sweeping";

const DAY_MS = 24 * 60 * 60 * 1000;
/** A time so long ago that every row with it is old enough to be deleted. */
const LONG_AGO = new Date(Date.now() - 120 * 365 * DAY_MS);

/** Inserts counters whose windows end at this time, and returns the common beginning of their keys. */
async function addCounters(count: number, resetsAt: Date): Promise<string> {
  const name = crypto.randomUUID();
  const data = Array.from({ length: count }, (_, at) => ({ key: `${name} ${at}`, count: 1, resetsAt }));
  await write((tx) => tx.counter.createMany({ data }));
  return name;
}
const countersOf = async (name: string) =>
  (await readPrimary.counter.findMany({ where: { key: { startsWith: name } } })).length;

/** The columns of an hourly sum that a test finds by its sender. */
const sumOf = (sender: string) => ({
  ...{ measure: "asked", channel: "phone", country: "RU", sender, reason: "", currency: "" },
  ...{ count: 1, amount: 0 },
});

test.beforeEach(backgroundTasks);

test("each table has a time after which its rows are deleted, grows only with accounts, or has a few rows a day", () => {
  const growing = GROWING_TABLES.map(({ table }) => table.charAt(0).toLowerCase() + table.slice(1));
  expect([...MODEL_NAMES].sort()).toEqual(
    [
      ...growing,
      "user",
      "activation",
      "delayedChange",
      "administrator",
      "apiKey",
      "testNumber",
      "webhookEndpoint",
      "webhookAttempt",
      "dailySum",
      "mark",
      ...["oAuthClient", "oAuthConsent", "oAuthGrant"],
    ].sort(),
  );
});

test("rows are deleted when their time is over, and not before", async () => {
  const { userId } = await signUp();
  const { userId: other } = await signUp();
  const now = new Date();
  const keptMs = Object.fromEntries(GROWING_TABLES.map((growing) => [growing.table, growing.keptMs]));
  const times = (table: string) => {
    const over = now.getTime() - (keptMs[table] ?? Number.NaN) - CLOCK_SKEW_MS_MAX;
    return [new Date(over), new Date(over + 1)];
  };
  const id = () => crypto.randomUUID();
  const rowsOf = (table: string, data: (time: Date) => object) => times(table).map(data) as never;
  await write(async (tx) => {
    await tx.counter.createMany({ data: rowsOf("Counter", (resetsAt) => ({ key: id(), count: 4711, resetsAt })) });
    await tx.session.createMany({
      data: rowsOf("Session", (expiresAt) => ({ id: id(), userId, createdAt: now, seenAt: now, expiresAt })),
    });
    await tx.challenge.createMany({
      data: rowsOf("Challenge", (sentAt) => {
        const sent = { expiresAt: sentAt, sentAt, sends: 1, sendsSince: sentAt };
        return { recipient: `${userId}`, purpose: "login", holder: id(), state: "live", digits: 4, ...sent };
      }),
    });
    await tx.wrongCode.createMany({ data: rowsOf("WrongCode", (at) => ({ recipient: `${userId}`, at })) });
    await tx.event.createMany({
      data: rowsOf("Event", (at) => ({ at, type: `${userId}`, isTest: false, data: "{}", transactionId: 0 })),
    });
    const endpoint = {
      url: "",
      description: "",
      hasPhones: false,
      state: "paused",
      secret: "",
      publicKey: "",
      version: 1,
    };
    const cursor = { cursorAt: now, cursorTransactionId: 0, cursorId: 0, madeAt: now };
    await tx.webhookEndpoint.create({ data: { id: `${userId}`, ...endpoint, ...cursor } });
    await tx.webhookDelivery.createMany({
      data: rowsOf("WebhookDelivery", (at) => ({ id: id(), endpointId: `${userId}`, type: "", at, state: "failed" })),
    });
    await tx.delivery.createMany({
      data: rowsOf("Delivery", (at) => ({
        at,
        state: "refused",
        stateAt: at,
        recipient: `${userId}`,
        lastDigits: "00",
      })),
    });
    await tx.hourlySum.createMany({
      data: rowsOf("HourlySum", (hour) => ({ hour, ...sumOf(`${userId}`) })),
    });
    await tx.trustedBrowser.createMany({ data: rowsOf("TrustedBrowser", (at) => ({ userId, browserId: id(), at })) });
    await tx.unconfirmedSignIn.createMany({
      data: rowsOf("UnconfirmedSignIn", (at) => ({ sessionId: id(), userId, at })),
    });
    const evidence = { count: 3, invitees: 3, firstAt: now, lastAt: now };
    await tx.signal.createMany({
      data: rowsOf("Signal", (endsAt) => ({ inviterId: userId, kind: id(), state: "open", endsAt, ...evidence })),
    });
    await tx.signal.create({ data: { inviterId: userId, kind: id(), state: "held", endsAt: null, ...evidence } });
    await tx.importRun.createMany({
      data: rowsOf("ImportRun", (startedAt) => ({
        startedBy: userId,
        startedAt,
        state: "done",
        leaseUntil: startedAt,
      })),
    });
    const { id: runId } = await tx.importRun.create({
      data: { startedBy: 0, startedAt: now, state: "stopped", leaseUntil: now },
    });
    await tx.importPart.createMany({
      data: rowsOf("ImportPart", (at) => ({ runId, kind: "file", number: at.getTime() % 2, text: `${userId}`, at })),
    });
    await tx.idempotencyKey.createMany({
      data: rowsOf("IdempotencyKey", (startedAt) => ({
        keyId: userId,
        key: id(),
        requestHash: "",
        attempt: id(),
        startedAt,
      })),
    });
    const client = {
      name: `${userId}`,
      redirectUris: "[]",
      postLogoutUris: "[]",
      scopes: "openid",
      isFirstParty: false,
    };
    const { id: clientId } = await tx.oAuthClient.create({
      data: { id: id(), ...client, signingAlgorithm: "RS256", createdAt: now },
    });
    const { id: sessionId } = await tx.session.create({
      data: { id: id(), userId: other, createdAt: now, seenAt: now, expiresAt: new Date(now.getTime() + DAY_MS) },
    });
    await tx.authorizationCode.createMany({
      data: rowsOf("AuthorizationCode", (expiresAt) => {
        const request = {
          clientId,
          sessionId,
          redirectUri: "https://app.example/",
          codeChallenge: "",
          scopes: "openid",
        };
        return { hash: id(), userId, ...request, expiresAt };
      }),
    });
    await tx.logoutNotice.createMany({
      data: rowsOf("LogoutNotice", (at) => ({ clientId, sub: `${userId}`, sid: "", at, dueAt: at })),
    });
    const key = { algorithm: `${userId}`, publicKey: "{}", privateKey: "", signsFrom: now };
    await tx.signingKey.createMany({
      data: rowsOf("SigningKey", (endsAt) => ({ id: id(), ...key, generation: endsAt.getTime() % 2, endsAt })),
    });
    await tx.signingKey.create({ data: { id: id(), ...key, generation: 2 } });
    await tx.auditEvent.createMany({
      data: rowsOf("AuditEvent", (at) => ({
        at,
        action: "signed_in",
        actorId: userId,
        subjectId: -userId,
        details: "{}",
      })),
    });
  });
  await sweepTables(now);
  const recipient = String(userId);
  const left = {
    Counter: (await readPrimary.counter.findMany({ where: { count: 4711 } })).map(({ resetsAt }) => resetsAt),
    Session: (await readPrimary.session.findMany({ where: { userId } })).map(({ expiresAt }) => expiresAt),
    Challenge: (await readPrimary.challenge.findMany({ where: { recipient } })).map(({ sentAt }) => sentAt),
    WrongCode: (await readPrimary.wrongCode.findMany({ where: { recipient } })).map(({ at }) => at),
    Delivery: (await readPrimary.delivery.findMany({ where: { recipient } })).map(({ at }) => at),
    HourlySum: (await readPrimary.hourlySum.findMany({ where: { sender: recipient } })).map(({ hour }) => hour),
    TrustedBrowser: (await readPrimary.trustedBrowser.findMany({ where: { userId } })).map(({ at }) => at),
    UnconfirmedSignIn: (await readPrimary.unconfirmedSignIn.findMany({ where: { userId } })).map(({ at }) => at),
    Signal: (await readPrimary.signal.findMany({ where: { inviterId: userId, state: "open" } })).map(
      ({ endsAt }) => endsAt,
    ),
    ImportPart: (await readPrimary.importPart.findMany({ where: { text: recipient } })).map(({ at }) => at),
    ImportRun: (await readPrimary.importRun.findMany({ where: { startedBy: userId } })).map(
      ({ startedAt }) => startedAt,
    ),
    WebhookDelivery: (await readPrimary.webhookDelivery.findMany({ where: { endpointId: recipient } })).map(
      ({ at }) => at,
    ),
    Event: (await readPrimary.event.findMany({ where: { type: `${userId}` } })).map(({ at }) => at),
    IdempotencyKey: (await readPrimary.idempotencyKey.findMany({ where: { keyId: userId } })).map(
      ({ startedAt }) => startedAt,
    ),
    AuthorizationCode: (await readPrimary.authorizationCode.findMany({ where: { userId } })).map(
      ({ expiresAt }) => expiresAt,
    ),
    LogoutNotice: (await readPrimary.logoutNotice.findMany({ where: { sub: recipient } })).map(({ at }) => at),
    SigningKey: (await readPrimary.signingKey.findMany({ where: { algorithm: recipient, endsAt: { not: null } } })).map(
      ({ endsAt }) => endsAt,
    ),
    AuditEvent: (await readPrimary.auditEvent.findMany({ where: { subjectId: -userId } })).map(({ at }) => at),
  };
  expect(await readPrimary.signal.findMany({ where: { inviterId: userId, state: "held" } })).toHaveLength(1);
  const withoutSuccessor = { algorithm: recipient, endsAt: null };
  expect(await readPrimary.signingKey.findMany({ where: withoutSuccessor })).toHaveLength(1);
  expect(left).toEqual(Object.fromEntries(GROWING_TABLES.map(({ table }) => [table, times(table).slice(1)])));
});

test("old rows are deleted in small transactions, and the tables take turns", async () => {
  const { userId } = await signUp();
  // The requests of a sign-up may have started a sweep.
  await backgroundTasks();
  // Both sweeps get the same time, so that no row becomes old between them.
  const now = new Date();
  await sweepTables(now);
  await addCounters(2 * ROWS_PER_STEP + 1, LONG_AGO);
  await write((tx) => tx.wrongCode.create({ data: { recipient: `${userId}`, at: LONG_AGO } }));
  const asked = await statementsOf(() => sweepTables(now));
  const deleted = asked.flatMap((text) => /DELETE FROM "(\w+)"/.exec(text)?.[1] ?? []);
  expect(deleted).toEqual(["Counter", "WrongCode", "Counter", "Counter"]);
  expect(asked.filter((text) => text.startsWith("BEGIN"))).toHaveLength(deleted.length);
});

test("if there are no old rows, nothing is written", async () => {
  const now = new Date();
  await sweepTables(now);
  const asked = await statementsOf(() => sweepTables(now));
  expect(asked.filter((text) => !text.startsWith("SELECT"))).toEqual([]);
  expect(asked).toHaveLength(GROWING_TABLES.length);
});

/** Makes requests as a client would: signs up, opens a session and reads it. */
async function openAndCheck(): Promise<void> {
  const { userId, phone } = await signUp();
  const { id } = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  expect(await checkSession(id)).toMatchObject({ id });
}

test("requests start a sweep once a minute, and do not wait for one that hangs", async () => {
  let release = () => {};
  const hanging = runInBackground("sweep", () => new Promise<void>((resolve) => (release = resolve)));
  makeSweepDue();
  await openAndCheck();
  release();
  await hanging;

  const name = await addCounters(1, LONG_AGO);
  await openAndCheck();
  await backgroundTasks();
  expect(await countersOf(name), "less than a minute has passed").toBe(1);
  makeSweepDue();
  await openAndCheck();
  await backgroundTasks();
  expect(await countersOf(name)).toBe(0);
});

test("if the database is locked or can't be reached, the sweep is left to the next time without an error", async () => {
  const { userId, phone } = await signUp();
  const { id } = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  await backgroundTasks();
  const name = await addCounters(1, LONG_AGO);
  const errors = await errorsOf(() =>
    withoutWrites(async () => {
      makeSweepDue();
      expect(await checkSession(id)).toMatchObject({ id });
      await backgroundTasks();
    }),
  );
  expect(errors).toEqual([]);
  expect(await countersOf(name)).toBe(1);
  await sweepTables();
  expect(await countersOf(name)).toBe(0);
});

test("a sweeper whose clock is years ahead deletes no recent event, and logs that once", async () => {
  const { userId } = await signUp();
  await backgroundTasks();
  const events = await readPrimary.auditEvent.findMany({ where: { subjectId: userId } });
  const ahead = after(new Date(), AUDIT_EVENTS_KEPT_MS + DAY_MS);
  const name = await addCounters(1, after(new Date(), DAY_MS));
  const mark = await readPrimary.mark.findUnique({ where: { name: EVENTS_OVER_MARK } });
  const errors = await errorsOf(async () => {
    await sweepTables(ahead);
    await sweepTables(ahead);
  });
  expect(errors).toEqual(["old rows of AuditEvent were not deleted"]);
  expect(await readPrimary.auditEvent.findMany({ where: { subjectId: userId } })).toEqual(events);
  expect(await countersOf(name)).toBe(0);
  // The mark was rolled back with the deletion, so the next sweep works.
  expect(await readPrimary.mark.findUnique({ where: { name: EVENTS_OVER_MARK } })).toEqual(mark);
  await sweepTables();
  expect(await errorsOf(() => sweepTables(ahead))).toHaveLength(1);
});

/** Starts another process, and returns a function that has it sweep once. */
async function startSweeper() {
  const script = `
    import { sweepTables } from "./lib/core/sweeping.ts";
    process.stdout.write("ready");
    process.stdin.once("data", () => sweepTables().then(() => process.exit()));`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  return async () => {
    child.stdin.write("sweep");
    const [code] = await ended;
    return { code, output };
  };
}

test("a sweeper does not wait for a row that a request has locked", async () => {
  test.skip(!isPostgresUrl(env.DATABASE_URL), "on SQLite all transactions go one at a time");
  const [locked, free] = [await addCounters(1, LONG_AGO), await addCounters(1, LONG_AGO)];
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let isLocked = () => {};
  const locking = new Promise<void>((resolve) => (isLocked = resolve));
  const request = write(async (tx) => {
    await tx.counter.update({ where: { key: `${locked} 0` }, data: { count: 2 } });
    isLocked();
    await released;
  });
  await locking;
  await sweepTables();
  expect([await countersOf(locked), await countersOf(free)]).toEqual([1, 0]);
  release();
  await request;
  await sweepTables();
  expect(await countersOf(locked)).toBe(0);
});

test("several servers can sweep one database at the same time", async () => {
  const name = await addCounters(20 * ROWS_PER_STEP, LONG_AGO);
  const kept = await addCounters(1, after(new Date(), DAY_MS));
  const sweepElsewhere = await startSweeper();
  const [end] = await Promise.all([sweepElsewhere(), sweepTables(), sweepTables()]);
  expect(end).toEqual({ code: 0, output: "ready" });
  expect(await countersOf(name)).toBe(0);
  expect(await countersOf(kept)).toBe(1);
});
