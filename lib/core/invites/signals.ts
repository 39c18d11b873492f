import { setTimeout as sleep } from "node:timers/promises";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { runInBackground } from "@/lib/core/background";
import { groupBy } from "@/lib/core/group-by";
import { keyedHashes } from "@/lib/core/keyed-hash";
import {
  SIGNAL_INVITEES_EXAMINED_MAX,
  SIGNAL_INVITEES_MIN,
  SIGNAL_NETWORK_GAP_MS,
  SIGNAL_NETWORK_SHARE_OF_NETWORK_MIN,
  SIGNAL_NEWCOMERS_EXAMINED_MAX,
  SIGNAL_REOPEN_PART_MIN,
  SIGNAL_WINDOW_MS,
  SIGNALS_KEPT_MS,
} from "@/lib/core/policy";
import { isTimeToSweep } from "@/lib/core/sweeping";
import { type RowOf, readPrimary, statement, transact, write } from "@/lib/db/database";
import { findGroups, type Group, type Invitee, SIGNAL_KINDS, type SignalKind } from "./evidence";

/** `open`: no administrator has looked at it. `fine`: looked at, nothing is wrong. `held`: the inviter is marked. */
export type SignalState = "open" | "fine" | "held";

/** The stored fields of a signal that decide whether further evidence changes it. */
interface StoredSignal {
  kind: string;
  count: number;
  lastAt: Date;
  state: string;
}

const LIST_ACTIVATIONS = statement({
  params: { activatedAt: "time", inviteeId: "integer", limit: "integer" },
  row: { activatedAt: "time", inviteeId: "integer", inviterId: "integer?" },
  sql: `
    SELECT "activatedAt", "inviteeId", "inviterId" FROM "Activation"
    WHERE ("activatedAt", "inviteeId") > (:activatedAt, :inviteeId) ORDER BY "activatedAt", "inviteeId" LIMIT :limit`,
});
// An imported activation is no evidence: its file may tell the day alone, or no time. An import is the first event of an account, so
// only one is read. The newest activations are limited first, because an import may bring an inviter any number of people.
const LIST_INVITEES = statement({
  params: { inviterId: "integer", since: "time", limit: "integer" },
  row: { id: "integer", phone: "text?", email: "text?", activatedAt: "time" },
  sql: `
    SELECT "User"."id", "phone", "email", "activatedAt" FROM (
      SELECT "inviteeId", "activatedAt" FROM "Activation" WHERE "inviterId" = :inviterId AND "activatedAt" >= :since
      ORDER BY "activatedAt" DESC, "inviteeId" DESC LIMIT :limit) AS "newest"
    JOIN "User" ON "User"."id" = "inviteeId"
    WHERE NOT "isTest" AND NOT COALESCE((
      SELECT "action" = 'account_imported' AND "at" >= "activatedAt" FROM "AuditEvent" WHERE "subjectId" = "User"."id"
      ORDER BY "AuditEvent"."id" LIMIT 1), FALSE)
    ORDER BY "activatedAt" DESC, "User"."id" DESC`,
});
const LIST_NEWCOMERS = statement({
  params: { from: "time", to: "time", limit: "integer" },
  row: { id: "integer", phone: "text?", email: "text?", activatedAt: "time" },
  sql: `
    SELECT "inviteeId" AS "id", "phone", "email", "activatedAt"
    FROM "Activation" JOIN "User" ON "User"."id" = "inviteeId"
    WHERE "activatedAt" >= :from AND "activatedAt" <= :to AND NOT "isTest"
    ORDER BY "activatedAt" DESC, "inviteeId" DESC LIMIT :limit`,
});
type InviteeRow = RowOf<typeof LIST_INVITEES>;

/** Returns the groups that make a new signal or change a stored one, each with the state that the signal gets. */
function changesBy(
  groups: readonly Group[],
  stored: readonly StoredSignal[],
): { kind: SignalKind; group: Group; state: SignalState }[] {
  // Holding is about the inviter, so it holds for further kinds of evidence, too.
  const state = stored.some((signal) => signal.state === "held") ? "held" : "open";
  return SIGNAL_KINDS.flatMap((kind) => {
    const known = stored.find((signal) => signal.kind === kind);
    const group = largest(
      groups.filter((each) => each.kind === kind && (known?.state !== "fine" || isClear(each, known))),
    );
    const isSame = group && known && group.lastAt <= known.lastAt && group.members.length <= known.count;
    return group && !isSame ? [{ kind, group, state }] : [];
  });
}

/** Returns whether enough invitees of a group came after the invitees that an administrator found fine. */
function isClear({ kind, members }: Group, fine: StoredSignal): boolean {
  const since = members.filter(({ activatedAt }) => activatedAt > fine.lastAt).length;
  return since >= Math.max(SIGNAL_INVITEES_MIN[kind], SIGNAL_REOPEN_PART_MIN * fine.count);
}

function largest(groups: readonly Group[]): Group | undefined {
  return groups.toSorted(
    (one, other) => other.members.length - one.members.length || other.lastAt.getTime() - one.lastAt.getTime(),
  )[0];
}

/** Adds to each account the network of the last code before its activation. */
async function withNetworks(
  rows: readonly InviteeRow[],
  since: Date,
): Promise<(InviteeRow & { network: string | null })[]> {
  const hashesOf = ({ phone, email }: InviteeRow) =>
    [phone, email].flatMap((address) => (address === null ? [] : keyedHashes(address)));
  const deliveries = await readPrimary.delivery.findMany({
    where: { recipient: { in: rows.flatMap(hashesOf) }, at: { gte: since } },
    orderBy: { at: "desc" },
    select: { recipient: true, at: true, network: true },
    take: 10 * SIGNAL_INVITEES_EXAMINED_MAX,
  });
  const byRecipient = groupBy(deliveries, ({ recipient }) => [recipient]);
  return rows.map((row) => {
    const before = hashesOf(row).flatMap(
      (hash) => byRecipient.get(hash)?.find(({ at }) => at <= row.activatedAt) ?? [],
    );
    const { network = null } = before.toSorted((one, other) => other.at.getTime() - one.at.getTime())[0] ?? {};
    return { ...row, network: network === "unknown" ? null : network };
  });
}

/** Adds to each account its browsers and applications: those that it trusts, and those that are logged in. */
async function withBrowsers<Row extends { id: number }>(
  rows: readonly Row[],
): Promise<(Row & { browserIds: string[] })[]> {
  const query = {
    where: { userId: { in: rows.map(({ id }) => id) } },
    // By the index that finds them; otherwise Prisma sorts by the id.
    orderBy: { userId: "asc" } as const,
    select: { userId: true, browserId: true },
    take: 10 * SIGNAL_INVITEES_EXAMINED_MAX,
  };
  const [trusted, sessions] = await Promise.all([
    readPrimary.trustedBrowser.findMany(query),
    readPrimary.session.findMany(query),
  ]);
  const byUser = groupBy([...trusted, ...sessions], ({ userId }) => [userId]);
  return rows.map((row) => ({
    ...row,
    browserIds: (byUser.get(row.id) ?? []).flatMap(({ browserId }) => browserId ?? []),
  }));
}

/**
 * Returns whether the network of a group is one that many people share, such as a mobile carrier's address: most who activated a code
 * from there at that time came by the codes of other inviters.
 */
async function isSharedByMany({ members, firstAt, lastAt }: Group): Promise<boolean> {
  const from = new Date(firstAt.getTime() - SIGNAL_NETWORK_GAP_MS);
  const rows = await readPrimary.all(LIST_NEWCOMERS, { from, to: lastAt, limit: SIGNAL_NEWCOMERS_EXAMINED_MAX });
  const newcomers = await withNetworks(rows, new Date(from.getTime() - SIGNAL_WINDOW_MS));
  const network = members[0]?.network;
  const fromThere = newcomers.filter((each) => each.network === network).map(({ id }) => id);
  const ids = new Set(members.map(({ id }) => id));
  return fromThere.filter((id) => ids.has(id)).length < SIGNAL_NETWORK_SHARE_OF_NETWORK_MIN * fromThere.length;
}

/** Returns what the invitees of the last `SIGNAL_WINDOW_MS` have in common, and how many of them were examined. */
async function examineInvitees(inviterId: number, now: Date): Promise<{ groups: Group[]; invitees: number }> {
  const since = new Date(now.getTime() - SIGNAL_WINDOW_MS);
  const rows = await readPrimary.all(LIST_INVITEES, { inviterId, since, limit: SIGNAL_INVITEES_EXAMINED_MAX });
  if (rows.length < FEWEST_INVITEES) return { groups: [], invitees: rows.length };
  // An invitee may have asked for its code long before it activated the invite code.
  const codesSince = new Date(since.getTime() - SIGNAL_WINDOW_MS);
  const invitees: Invitee[] = await withBrowsers(await withNetworks(rows, codesSince));
  const groups: Group[] = [];
  for (const group of findGroups(invitees)) {
    if (group.kind !== "network" || !(await isSharedByMany(group))) groups.push(group);
  }
  return { groups, invitees: rows.length };
}

const FEWEST_INVITEES = Math.min(...Object.values(SIGNAL_INVITEES_MIN));

/**
 * Examines the invitees of one account and stores new evidence. The result depends on the rows alone, so that repeated runs and
 * several servers store the same. A signal that is fine stays as it is until `isClear` says otherwise.
 */
export async function examineInviter(inviterId: number, now = new Date()): Promise<void> {
  const { groups, invitees } = await examineInvitees(inviterId, now);
  if (groups.length === 0) return;
  const where = { inviterId };
  if (changesBy(groups, await readPrimary.signal.findMany({ where })).length === 0) return;
  await write(async (tx) => {
    // The account may have been deleted since. A review locks it, too.
    if (!(await lockAccount(tx, inviterId))) return;
    for (const { kind, group, state } of changesBy(groups, await tx.signal.findMany({ where }))) {
      const { members, firstAt, lastAt } = group;
      const endsAt = state === "held" ? null : new Date(lastAt.getTime() + SIGNALS_KEPT_MS);
      const found = { count: members.length, invitees, firstAt, lastAt, state, endsAt };
      await tx.signal.upsert({
        where: { inviterId_kind: { inviterId, kind } },
        create: { inviterId, kind, ...found },
        update: found,
      });
    }
  });
}

/** The name of the row of `Mark` that has the time of the last activation whose inviter was examined. */
const SIGNALS_MARK = "signals";
const SET_MARK = statement({
  params: { name: "text", at: "time" },
  sql: `
    INSERT INTO "Mark" ("name", "at") VALUES (:name, :at)
    ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at" WHERE "Mark"."at" < excluded."at"`,
});

/** How many activations one step reads. */
const ACTIVATIONS_PER_STEP = 200;
/**
 * How far before the mark a run begins, because an activation may be committed after one with a later time. An activation that is
 * committed later still is examined with the inviter's next activation.
 */
const LATE_ROWS_MS = 60_000;
/** After a step the job rests this many times as long as the step took. */
const REST_FACTOR = 4;

/**
 * Examines the inviters whose codes were activated since the last run; in the first run, within the last `SIGNAL_WINDOW_MS`. Each
 * step reads at most `ACTIVATIONS_PER_STEP` activations and examines their inviters, moves the mark forward, and is followed by a
 * rest. Several servers can run this at the same time: each continues at the mark.
 */
export async function findSignals(now = new Date()): Promise<void> {
  const windowStart = now.getTime() - SIGNAL_WINDOW_MS;
  const markedAt = async () =>
    (await readPrimary.mark.findUnique({ where: { name: SIGNALS_MARK } }))?.at.getTime() ?? windowStart;
  // A time after `now` was written by a clock that ran ahead.
  const begin = Math.max(Math.min(await markedAt(), now.getTime()) - LATE_ROWS_MS, windowStart);
  let from = { activatedAt: new Date(begin), inviteeId: 0 };
  const [begunMs, examinedAt] = [performance.now(), new Map<number, number>()];
  for (;;) {
    const startedAt = performance.now();
    const step = await readPrimary.all(LIST_ACTIVATIONS, { ...from, limit: ACTIVATIONS_PER_STEP });
    const last = step.at(-1);
    if (!last) return;
    const due = step.flatMap(({ inviterId, activatedAt }) => {
      const isExamined = (examinedAt.get(inviterId ?? 0) ?? 0) > activatedAt.getTime() + LATE_ROWS_MS;
      return inviterId === null || isExamined ? [] : inviterId;
    });
    for (const inviterId of await withEnoughReferrals([...new Set(due)])) {
      examinedAt.set(inviterId, now.getTime() + performance.now() - begunMs);
      await examineInviter(inviterId, now);
    }
    await transact(async (tx) => tx.queue(SET_MARK, { name: SIGNALS_MARK, at: last.activatedAt }));
    if (step.length < ACTIVATIONS_PER_STEP) return;
    const marked = await markedAt();
    // Another server may have gone further.
    const isBehind = marked <= now.getTime() && marked - LATE_ROWS_MS > last.activatedAt.getTime();
    from = isBehind ? { activatedAt: new Date(marked - LATE_ROWS_MS), inviteeId: 0 } : last;
    await sleep(REST_FACTOR * (performance.now() - startedAt), undefined, { ref: false });
  }
}

async function withEnoughReferrals(ids: number[]): Promise<number[]> {
  const rows = await readPrimary.user.findMany({
    where: { id: { in: ids }, referralCount: { gte: FEWEST_INVITEES }, isTest: false },
    orderBy: { id: "asc" },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}

/**
 * Looks for signals in the background, at most once a minute in each process. Requests that come often call this function outside of
 * their transactions.
 */
export function findSignalsInBackground(): void {
  if (isTimeToSweep("signals")) void runInBackground("signals", () => findSignals());
}
