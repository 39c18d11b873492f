import Database from "better-sqlite3";
import { Client } from "pg";
import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { listEvents } from "@/lib/core/accounts/history";
import { isAlarm } from "@/lib/core/challenges/code-length";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { getInvite } from "@/lib/core/invites/look-up";
import { listReferrals, listReferralTimes } from "@/lib/core/invites/referrals";
import { keyedHash } from "@/lib/core/keyed-hash";
import { checkSession, endSession, refreshSession } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { env, isPostgresUrl } from "@/lib/env";
import { freshAdministrator } from "@/lib/testing/administrators";
import { freshClient, freshSession, logInAt } from "@/lib/testing/oauth";
import {
  anybody,
  freshOwner,
  openClientSession,
  openSession,
  receiveCode,
  senderOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { statementsOf } from "@/lib/testing/transactions";
import { phoneLoginCode, signInByPhone } from "./accounts/sign-in";
import { findActivations } from "./administration/activation-list";
import type { Administrator } from "./administration/actor";
import { COMMAND_LINE } from "./administration/actor";
import { Reason } from "./administration/acts";
import { walkEvents } from "./administration/audit-list";
import { blockAccount, unblockAccount } from "./administration/block";
import { walkDeliveries } from "./administration/delivery-list";
import {
  beginImport,
  findImport,
  listImports,
  readResults,
  stopImport,
  uploadImport,
} from "./administration/import-runs";
import { workOnImports } from "./administration/import-work";
import { readInviteTree } from "./administration/invite-tree";
import { findManagedAccount, listManagedAccounts } from "./administration/managed-accounts";
import { getOutlook } from "./administration/outlook";
import { listPeoplePage } from "./administration/people-list";
import { listInvitersPage } from "./administration/referral-list";
import { readTree } from "./administration/referral-tree";
import { searchAccounts, searchFurther, searchRecipient } from "./administration/search";
import {
  countOpenSignals,
  listSignalsOf,
  listSignalsPage,
  reviewSignals,
  versionOf,
} from "./administration/signal-list";
import { listTimelineOf, listTimelineOfRecipient } from "./administration/timeline";
import { PERIODS, readFigures } from "./administration/today";
import { getCodeStatus } from "./challenges/code-status";
import { requestCode } from "./challenges/request-code";
import { findEndOfEvents, readEvents } from "./events/event-log";
import { publishServiceEvents } from "./events/service-events";
import { waitForEvents } from "./events/wait-for-events";
import { listWebhookDeliveries, replayDeliveries } from "./events/webhook-deliveries";
import {
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  makeWebhookEndpoint,
  sendTestEvent,
} from "./events/webhook-endpoints";
import { deliverWebhooks } from "./events/webhook-work";
import type { Email } from "./identity/email";
import { activateInvite } from "./invites/activation";
import { findSignals } from "./invites/signals";
import { checkApiKey, countRequest, makeApiKey } from "./keys/api-keys";
import { beginRequest, forgetRequest } from "./keys/idempotency";
import { listConsents, withdrawConsent } from "./oauth/consents";
import { sendLogoutNotices } from "./oauth/logout-notice-work";
import { refreshGrant, spellRefreshToken } from "./oauth/refresh-tokens";
import { SIGNAL_INVITEES_MIN } from "./policy";
import { computeSums } from "./statistics/sums";
import { GROWING_TABLES, sweepTables } from "./sweeping";

const LONG_AGO = new Date("1900-01-01");
/** The tables that are too large to be read whole. `SigningKey` has a few rows. */
const LARGE_TABLES = [
  ...GROWING_TABLES.map(({ table }) => table).filter((table) => table !== "SigningKey"),
  ...["User", "Activation", "DailySum", "WebhookAttempt", "OAuthConsent", "OAuthGrant"],
];

/** Runs what many requests do, with each outcome, and the sweeper. */
async function takeEveryPath(): Promise<void> {
  const owner = freshOwner();
  const requester = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(owner.phone)] } };
  const code = await receiveCode(owner, new Date(), requester);
  await getCodeStatus(phoneLoginCode(owner), requester);
  await signInByPhone({ ...owner, code: wrongCode(code) }, requester);
  await signInByPhone({ ...owner, code }, requester, { session: { kind: "browser", browserId: requester.browser.id } });
  await requestCode(phoneLoginCode(freshOwner()), anybody(), { sender: senderOf(async () => false) });
  await isAlarm(readPrimary, new Date());
  const [inviter, invitee] = [await signUp(), await signUp()];
  const login = { userId: invitee.userId, proven: phoneRecipient(invitee.phone) };
  const { id } = await openSession(login, requester);
  await checkSession(id);
  await endSession(id);
  await refreshSession(await openClientSession(login, anybody()));
  await getInvite(drawInviteCode() as InviteCode, anybody());
  await activateInvite({ userId: invitee.userId, code: inviter.inviteCode });
  await activateInvite({ userId: inviter.userId, code: invitee.inviteCode });
  await getProfile(inviter.userId);
  await listReferrals(inviter.userId);
  await listReferralTimes(inviter.userId);
  await listEvents(inviter.userId);
  const { administrator } = await freshAdministrator();
  for (const term of [inviter.phone, inviter.phone.slice(-4), inviter.inviteCode, "anna@mail.example", "1"]) {
    await searchAccounts(administrator, term);
  }
  await searchFurther(administrator, inviter.userId);
  await readEveryList(administrator, inviter.userId);
  for (const types of [null, ["account.created"]] as const) await readEvents({ after: null, limit: 10, types });
  await readSignalsAndReferrals(administrator);
  await importFile(administrator);
  await readInviteTree(administrator, inviter.userId);
  // The first time only remembers when it was, and the second looks at the hours since then.
  await write((tx) => tx.mark.deleteMany({ where: { name: { startsWith: "told " } } }));
  await publishServiceEvents(new Date(Date.now() - 3 * 60 * 60 * 1000));
  await computeSums();
  await publishServiceEvents();
  for (const period of PERIODS) await readFigures(period);
  await listTimelineOf(administrator, inviter.userId);
  await listTimelineOfRecipient(administrator, keyedHash(owner.phone));
  await getOutlook(phoneRecipient(owner.phone), { isBlocked: false });
  for (const term of [owner.phone, "request-id-of-a-test", "SM0123456789"]) await searchRecipient(administrator, term);
  await deliverEvents();
  await sendByKey(inviter);
  await logInAtApplication();
  await addOldRows(inviter.userId);
  await sweepTables();
}

/** Sends a request with an API key, finds accounts with it in each way, and waits for events. */
async function sendByKey({ phone, userId, inviteCode }: Awaited<ReturnType<typeof signUp>>): Promise<void> {
  const made = await makeApiKey(COMMAND_LINE, { name: "a test", scopes: ["accounts:read"], endsAt: null });
  if (!made.ok) throw new Error(made.failure.name);
  const key = await checkApiKey(made.value.key);
  if (!key.ok) throw new Error(key.failure.name);
  const { keyId } = key.value;
  await countRequest(key.value);
  const begun = await beginRequest({ keyId, key: "a test", content: "" }, new Date());
  await beginRequest({ keyId, key: "a test", content: "" }, new Date());
  if (begun.ok && "attempt" in begun.value) await forgetRequest(begun.value.attempt);
  const email = "anna@mail.example" as Email;
  for (const lookup of [{}, { phone }, { email }, { inviteCode }])
    await listManagedAccounts({ kind: "api_key", keyId }, { lookup, limit: 10, seesPhones: true });
  await findManagedAccount(userId);
  await blockAccount({ kind: "api_key", keyId }, { userId, reason: "a test" });
  await unblockAccount({ kind: "api_key", keyId }, { userId, reason: "a test" });
  const query = { after: await findEndOfEvents(), limit: 10, types: ["alarm.ended"] } as const;
  await waitForEvents(query, { reader: "a test", waitMs: 1100, signal: new AbortController().signal });
}

/** Logs a person in at an application, tells it of the end of the session, and withdraws the consent. */
async function logInAtApplication(): Promise<void> {
  const { client } = await freshClient({ backChannelLogoutUri: "https://club.example/logout" });
  const { userId, session } = await freshSession();
  const { grant } = await logInAt(client, session, { scopes: ["openid", "offline_access"] });
  await refreshGrant({ token: spellRefreshToken({ id: grant.id, generation: 0 }), client, scope: null });
  await listConsents(userId);
  await withdrawConsent({ userId, clientId: client.id });
  await logInAt(client, session);
  await endSession(session.id);
  for (const fault of ["bad_status", null] as const) {
    await sendLogoutNotices({ post: async () => ({ status: null, fault, retryAfter: null, body: null }) });
  }
}

/** Delivers the events of an account to a webhook endpoint, which disables it, and deletes the endpoint. */
async function deliverEvents(): Promise<void> {
  const choice = { url: "https://backend.example/", types: null, description: "", hasPhones: true };
  const made = await makeWebhookEndpoint(COMMAND_LINE, choice);
  if (!made.ok) throw new Error(made.failure.name);
  await signUp();
  await sendTestEvent(COMMAND_LINE, made.value.id);
  const isPaused = false;
  for (const status of [200, 500, 410]) {
    await changeWebhookEndpoint(COMMAND_LINE, made.value.id, { isPaused });
    const fault = status === 200 ? null : "bad_status";
    await deliverWebhooks({ post: async () => ({ status, fault, retryAfter: null, body: null }) });
    await signUp();
  }
  const endpointId = made.value.id;
  for (const filter of [{}, { type: "account.created" } as const]) {
    await listWebhookDeliveries({ endpointId, ...filter });
    await replayDeliveries(COMMAND_LINE, endpointId, filter);
  }
  await deleteWebhookEndpoint(COMMAND_LINE, made.value.id);
  await deliverWebhooks();
}

/** Reads a page of each list of the console along each of its indexes. */
async function readEveryList(administrator: Administrator, userId: number): Promise<void> {
  const range = { from: "2024-01-01", to: "2024-01-02" };
  for (const filter of [{}, range, { only: "mail" }, { only: "blocked" }, { inviter: String(userId) }] as const) {
    await listPeoplePage(administrator, filter, null);
  }
  for (const filter of [{}, { ...range, state: "failed" }] as const) await walkDeliveries(filter, null);
  const moments = { from: new Date("2024-01-01"), to: new Date("2024-01-02") };
  for (const filter of [{}, moments, { inviter: userId }]) await findActivations(filter, null, 10);
  for (const filter of [{}, range, { kind: "administrator" }, { subject: String(userId) }] as const) {
    await walkEvents(filter, null);
  }
}

/** Checks a file of accounts, imports it, and stops the next one. */
async function importFile(administrator: Administrator): Promise<void> {
  const text = `phone\n${freshOwner().phone}`;
  const checked = await uploadImport(administrator, text);
  if (!checked.ok) throw new Error(checked.failure.name);
  const { id } = checked.value;
  await workOnImports();
  await beginImport(administrator, { id, reason: Reason.parse("of a test") });
  await workOnImports();
  expect(await findImport(administrator, id)).toMatchObject({ state: "done" });
  await readResults(administrator, { id, kind: "rows", page: 0 });
  const stopped = await uploadImport(administrator, text);
  if (stopped.ok) await stopImport(administrator, stopped.value.id);
  await listImports(administrator);
}

/** Finds a signal and reads what the console shows of referrals and signals. */
async function readSignalsAndReferrals(administrator: Administrator): Promise<void> {
  const inviter = await signUp();
  for (let invitees = 0; invitees < SIGNAL_INVITEES_MIN.numbers; invitees += 1) {
    await signUp({ invited: inviter.inviteCode });
  }
  await findSignals();
  expect(await countOpenSignals()).toBeGreaterThan(0);
  await listSignalsPage(administrator, "open", null);
  const signals = await listSignalsOf(inviter.userId);
  expect(signals).not.toEqual([]);
  const act = { userId: inviter.userId, reason: "of a test", verdict: "fine", version: versionOf(signals) } as const;
  expect(await reviewSignals(administrator, act)).toMatchObject({ ok: true });
  for (const filter of [{ period: "day" }, { from: "2024-01-01", to: "2024-01-02" }] as const) {
    await listInvitersPage(administrator, filter, null);
  }
  await readTree(administrator, inviter.userId, { expanded: [inviter.userId] });
}

/** Inserts a row into each growing table that is old enough to be deleted. */
async function addOldRows(userId: number): Promise<void> {
  const [id, at] = [crypto.randomUUID(), LONG_AGO];
  await write(async (tx) => {
    await tx.counter.create({ data: { key: id, count: 1, resetsAt: at } });
    await tx.session.create({ data: { id, userId, createdAt: at, seenAt: at, expiresAt: at } });
    const sent = { state: "used", digits: 4, expiresAt: at, sentAt: at, sends: 1, sendsSince: at };
    await tx.challenge.create({ data: { recipient: id, purpose: "login", holder: id, ...sent } });
    await tx.wrongCode.create({ data: { recipient: id, at } });
    await tx.delivery.create({ data: { at, state: "refused", stateAt: at, recipient: id, lastDigits: "00" } });
    const sum = { measure: "asked", channel: "", country: "", sender: id, reason: "", currency: "" };
    await tx.event.create({ data: { at, type: "account.blocked", isTest: false, data: "{}", transactionId: 0 } });
    const endpoint = {
      url: "",
      description: "",
      hasPhones: false,
      state: "paused",
      secret: "",
      publicKey: "",
      version: 1,
    };
    const cursor = { cursorAt: at, cursorTransactionId: 0, cursorId: 0, madeAt: at };
    await tx.webhookEndpoint.create({ data: { id, ...endpoint, ...cursor } });
    await tx.webhookDelivery.create({ data: { id, endpointId: id, type: "", at, state: "failed" } });
    await tx.hourlySum.create({ data: { hour: at, ...sum, count: 1, amount: 0 } });
    await tx.trustedBrowser.create({ data: { userId, browserId: id, at } });
    await tx.unconfirmedSignIn.create({ data: { sessionId: id, userId, at } });
    const evidence = { count: 3, invitees: 3, firstAt: at, lastAt: at, endsAt: at };
    await tx.signal.create({ data: { inviterId: userId, kind: "device", state: "open", ...evidence } });
    const run = { startedBy: userId, state: "stopped", leaseUntil: at };
    await tx.importRun.create({ data: { ...run, startedAt: at } });
    const { id: runId } = await tx.importRun.create({ data: { ...run, startedAt: new Date() } });
    await tx.importPart.create({ data: { runId, kind: "file", number: 0, text: "", at } });
    await tx.idempotencyKey.create({ data: { keyId: userId, key: id, requestHash: "", attempt: id, startedAt: at } });
    const client = { name: "", redirectUris: "[]", postLogoutUris: "[]", scopes: "openid", isFirstParty: false };
    await tx.oAuthClient.create({ data: { id, ...client, signingAlgorithm: "RS256", createdAt: at } });
    await tx.logoutNotice.create({ data: { clientId: id, sub: "", sid: "", at, dueAt: at } });
    const request = { redirectUri: "", codeChallenge: "", scopes: "openid", expiresAt: at };
    const later = { createdAt: at, seenAt: at, expiresAt: new Date() };
    const { id: sessionId } = await tx.session.create({ data: { id: `${id} later`, userId, ...later } });
    await tx.authorizationCode.create({ data: { hash: id, clientId: id, userId, sessionId, ...request } });
    const key = { id, algorithm: id, generation: 0, publicKey: "{}", privateKey: "", signsFrom: at, endsAt: at };
    await tx.signingKey.create({ data: key });
    await tx.auditEvent.create({
      data: { at, action: "signed_in", actorId: userId, subjectId: userId, details: "{}" },
    });
  });
}

/**
 * Returns the large tables that a statement reads from the first row to the last, or whose rows it compares one by one with a list
 * among its parameters.
 */
type FindScans = (statement: string) => Promise<string[]>;

async function withPlans(work: (scansOf: FindScans) => Promise<void>): Promise<void> {
  if (!isPostgresUrl(env.DATABASE_URL)) {
    const database = new Database(env.DATABASE_URL.replace("file:", ""), { readonly: true });
    await work(async (statement) => {
      const parameters = statement.replace(/'[^']*'/g, "").match(/\?/g) ?? [];
      const steps = database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all(parameters.map(() => null)) as Step[];
      return steps
        .flatMap(({ detail, parent }, at) => {
          // SQLite should go through a list in the outer loop, and find the row of each id in the inner one.
          const around = steps.slice(0, at).findLast((step) => step.parent === parent)?.detail ?? "";
          const isInside = detail.startsWith("SCAN json_each");
          return (isInside ? /^SEARCH (\w+)/.exec(around) : /^SCAN (\w+)/.exec(detail))?.[1] ?? [];
        })
        .filter((name) => LARGE_TABLES.includes(name));
    });
    database.close();
    return;
  }
  const client = new Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  try {
    // Test tables are so small that PostgreSQL prefers to read them whole, or to join them by merging two whole indexes. With this
    // it does so only if no index serves.
    await client.query("SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off");
    await work(async (statement) => {
      const { rows } = await client.query(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${statement}`);
      return scansIn(rows[0]["QUERY PLAN"][0].Plan);
    });
  } finally {
    await client.end();
  }
}

interface Step {
  parent: number;
  detail: string;
}

/** A node of PostgreSQL's query plan. */
interface Node {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Index Cond"?: string;
  Plans?: Node[];
}

function scansIn(node: Node): string[] {
  const { "Node Type": type, "Relation Name": table, "Index Name": index, "Index Cond": condition, Plans = [] } = node;
  const name = table ?? index?.split("_")[0] ?? "";
  const isWhole = type === "Seq Scan" || (/^(Bitmap )?Index/.test(type) && condition === undefined);
  return [...(isWhole && LARGE_TABLES.includes(name) ? [name] : []), ...Plans.flatMap(scansIn)];
}

test("no statement of a frequent path, of a search in the console or of the sweeper reads a growing table from end to end", async () => {
  const asked = new Set(await statementsOf(takeEveryPath));
  const planned = [...asked].filter((text) => /^(WITH|SELECT|INSERT|UPDATE|DELETE)/.test(text));
  expect(planned.length).toBeGreaterThan(60);
  const growing = GROWING_TABLES.map(({ table }) => table);
  const touched = growing.filter((table) => planned.some((text) => text.includes(`DELETE FROM "${table}"`)));
  expect(touched.sort()).toEqual(growing.sort());
  const scans: Record<string, string[]> = {};
  await withPlans(async (scansOf) => {
    expect(await scansOf(`SELECT 1 FROM "Delivery" WHERE "state" = 'refused'`)).toEqual(["Delivery"]);
    for (const text of planned) {
      const tables = await scansOf(text);
      if (tables.length > 0) scans[text] = tables;
    }
  });
  expect(scans).toEqual({});
});
