import { listDeliveries } from "@/lib/core/challenges/deliveries";
import { limitSubject } from "@/lib/core/identity/recipient";
import { listReferrals, type ReferralCursor } from "@/lib/core/invites/referrals";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { readScopes } from "@/lib/core/oauth/scopes";
import { pairwiseSubject } from "@/lib/core/oauth/subjects";
import { consume, EXPORTS_OF_USER, type LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, write } from "@/lib/db/database";
import { type Account, type Factor, getProfile, listFactors } from "./accounts";
import { recordEventByOwner } from "./audit-log";
import { type EventCursor, listEvents } from "./history";

const ROWS_AT_ONCE = 1000;

/**
 * Returns everything that is stored about an account's owner, as a JSON text in pieces, so that an account with any number of
 * referrals fits into memory. The export contains the account, its sessions and trusted devices, unconfirmed sign-ins, delayed
 * changes, requests for codes (the codes themselves are not stored) and their deliveries, the consents and logins of applications, the
 * history and the referrals.
 *
 * Fails with `account_gone` if there is no such account. Fails with `budget_spent` if the account is exported too often,
 * because each export adds an event to the audit log.
 */
export async function exportAccount(
  userId: number,
  now = new Date(),
): Promise<Result<AsyncGenerator<string>, LimitFailure | { name: "account_gone" }>> {
  const profile = await getProfile(userId);
  if (!profile) return fail({ name: "account_gone" });
  const taken = await write(async (tx) => {
    const exports = await consume(tx, [{ limit: EXPORTS_OF_USER, subject: String(userId) }], now);
    if (exports.ok) await recordEventByOwner(tx, userId, { action: "data_exported", now });
    return exports;
  });
  return taken.ok ? succeed(composeExport(profile, now)) : taken;
}

async function* composeExport(account: Account & { referralCount: number }, now: Date): AsyncGenerator<string> {
  const { id, phone, claimedPhone, email, inviteCode, referralCount } = account;
  const user = await readPrimary.user.findUnique({
    where: { id },
    select: { createdAt: true, activation: { select: { code: true, activatedAt: true } } },
  });
  const { createdAt = null, activation = null } = user ?? {};
  const identity = { id, phone, claimedPhone, email, inviteCode, referralCount, createdAt };
  yield `{"exportedAt":${JSON.stringify(now)},\n"account":${JSON.stringify(identity)}`;
  yield `,\n"activation":${JSON.stringify(activation)}`;
  yield* composeList("sessions", [await listAllSessions(id)]);
  yield* composeList("trustedBrowsers", [await listTrustedDevices(id)]);
  yield* composeList("unconfirmedSignIns", [await listUnconfirmedSignIns(id)]);
  yield* composeList("delayedChanges", [await listDelayedChanges(id)]);
  const factors = await listFactors(id);
  yield* composeList("codes", await Promise.all(factors.map(listCodes)));
  yield* composeList("deliveries", [await listDeliveries(factors)]);
  yield* composeList("consents", [await listConsents(id)]);
  yield* composeList(
    "applicationLogins",
    pagesOf((after: string | null) => listApplicationLogins(id, after)),
  );
  yield* composeList(
    "events",
    pagesOf(async (before: EventCursor | null) => {
      const { events, next } = await listEvents(id, { before, limit: ROWS_AT_ONCE });
      return { rows: events, next };
    }),
  );
  yield* composeList(
    "referrals",
    pagesOf(async (after: ReferralCursor | null) => {
      const { referrals, next } = await listReferrals(id, { after, limit: ROWS_AT_ONCE });
      // The field names of the public APIs.
      return { rows: referrals.map(({ userId, phone, activatedAt }) => ({ id: userId, phone, activatedAt })), next };
    }),
  );
  yield "}\n";
}

/** Writes a JSON field whose value is a list, with one row per line. */
async function* composeList(name: string, pages: Iterable<unknown[]> | AsyncIterable<unknown[]>) {
  yield `,\n"${name}":[`;
  let before = "\n";
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield before + page.map((row) => JSON.stringify(row)).join(",\n");
    before = ",\n";
  }
  yield "]";
}

function listAllSessions(userId: number) {
  return readPrimary.session.findMany({
    where: { userId },
    orderBy: { createdAt: "desc" },
    select: {
      agent: true,
      network: true,
      createdAt: true,
      seenAt: true,
      expiresAt: true,
      provenPhone: true,
      isNew: true,
    },
  });
}

/** Returns when each trusted device logged in last. The browser's random name is left out: it says nothing about the owner. */
function listTrustedDevices(userId: number) {
  return readPrimary.trustedBrowser.findMany({ where: { userId }, orderBy: { at: "desc" }, select: { at: true } });
}

function listUnconfirmedSignIns(userId: number) {
  const select = { agent: true, network: true, at: true };
  return readPrimary.unconfirmedSignIn.findMany({ where: { userId }, orderBy: { at: "desc" }, select });
}

function listDelayedChanges(userId: number) {
  const select = { action: true, next: true, agent: true, network: true, requestedAt: true, dueAt: true };
  return readPrimary.delayedChange.findMany({ where: { userId }, orderBy: { dueAt: "asc" }, select });
}

/** Returns the stored challenges and wrong codes of a factor since the account has it, from all requesters. */
async function listCodes({ recipient, since }: Factor): Promise<object[]> {
  const { address } = recipient;
  const sent = await readPrimary.challenge.findMany({
    where: { recipient: address, sentAt: { gte: since } },
    select: { recipient: true, purpose: true, state: true, sentAt: true, expiresAt: true, tries: true },
  });
  const wrong = await readPrimary.wrongCode.findMany({
    where: { recipient: { in: keyedHashes(limitSubject(recipient)) }, at: { gte: since } },
    select: { at: true },
  });
  return [...sent, ...wrong.map(({ at }) => ({ recipient: address, typedWrongAt: at }))];
}

/** Returns what the account allows each application to learn, and the `sub` by which the application knows it. */
async function listConsents(userId: number): Promise<object[]> {
  const [user, consents] = await Promise.all([
    readPrimary.user.findUnique({ where: { id: userId }, select: { subject: true } }),
    readPrimary.oAuthConsent.findMany({
      where: { userId },
      orderBy: [{ givenAt: "desc" }, { clientId: "asc" }],
      select: { clientId: true, scopes: true, givenAt: true, firstLoginAt: true, client: { select: { name: true } } },
    }),
  ]);
  const subject = user?.subject ?? null;
  return consents.map(({ clientId, client, scopes, ...consent }) => ({
    application: client.name,
    subject: subject && pairwiseSubject(subject, clientId),
    scopes: readScopes(scopes),
    ...consent,
  }));
}

/** Returns the stored logins at applications after the one of this id, and when they were refreshed last. */
async function listApplicationLogins(userId: number, after: string | null) {
  const grants = await readPrimary.oAuthGrant.findMany({
    where: { userId },
    orderBy: [{ createdAt: "desc" }, { id: "asc" }],
    select: { id: true, scopes: true, createdAt: true, refreshedAt: true, client: { select: { name: true } } },
    take: ROWS_AT_ONCE,
    ...(after !== null && { cursor: { id: after }, skip: 1 }),
  });
  const rows = grants.map(({ id: _, client, scopes, ...grant }) => ({
    application: client.name,
    scopes: readScopes(scopes),
    ...grant,
  }));
  return { rows, next: grants.length < ROWS_AT_ONCE ? null : (grants.at(-1)?.id ?? null) };
}

async function* pagesOf<Cursor>(readPage: (from: Cursor | null) => Promise<{ rows: object[]; next: Cursor | null }>) {
  let from: Cursor | null = null;
  do {
    const { rows, next } = await readPage(from);
    yield rows;
    from = next;
  } while (from !== null);
}
