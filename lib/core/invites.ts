import { z } from "zod";
import { type Reader, read, readPrimary, type Writer, write } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { AccountGone } from "./accounts";
import { recordOwnEvent } from "./audit";
import type { InviteCode } from "./invite-code";
import { type Masked, maskIdentity } from "./masking";
import { siteOf } from "./networks";
import type { Phone } from "./phone";
import { ACCOUNT_ID_MAX, GROWTH_POINTS_MAX, REFERRALS_PER_PAGE } from "./policy";
import {
  ACTIVATIONS_OF_USER,
  consume,
  INVITE_LOOKUPS_FROM_NETWORK,
  type LimitFailure,
  networkCharges,
  retryAfterMs,
  sweepCounters,
} from "./rate-limits";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";

/** An invite code as somebody else may see it. */
export interface Invite {
  code: InviteCode;
  inviter: Masked;
}

/** Why an invite code can't be activated. */
export type InviteFailure =
  | { name: "invite_already_activated"; activated: InviteCode }
  | { name: "invite_unknown" }
  | { name: "invite_own" }
  | { name: "invite_circular" };
export type ActivateInviteFailure = LimitFailure | InviteFailure;

/**
 * Whose invite code it is. Fails with `invite_unknown`, and with `budget_spent` for a network that has looked too many
 * unknown codes up.
 */
export function getInvite(
  code: InviteCode,
  by: Requester,
  now = new Date(),
): Promise<Result<Invite, LimitFailure | { name: "invite_unknown" }>> {
  return lookUp(by, now, async () => {
    const inviter = await findInviter(readPrimary, code);
    return inviter ? succeed(inviteOf(inviter)) : fail({ name: "invite_unknown" });
  });
}

/** What `activateInvite` would answer now, with nothing activated. It is a look-up, as `getInvite` is. */
export async function previewInvite(
  { userId, code }: { userId: number; code: InviteCode },
  by: Requester,
  now = new Date(),
): Promise<Result<Invite, ActivateInviteFailure>> {
  const checked = await lookUp(by, now, () => checkInvite(readPrimary, userId, code));
  if (!checked.ok) return checked;
  const waitMs = await retryAfterMs(readPrimary, [{ limit: ACTIVATIONS_OF_USER, subject: String(userId) }], now);
  return waitMs > 0 ? fail({ name: "budget_spent", retryAfterMs: waitMs }) : succeed(inviteOf(checked.value));
}

/**
 * Looks a code up, which costs the network one look-up where there is no such code, and is refused once those are spent. A
 * good invitation costs nothing and writes nothing, because many people may open it behind one address. A process looks one
 * code up at a time for a network (an IPv6 /48), so that of parallel look-ups each sees the misses that came before it.
 */
function lookUp<Found, Failure extends { name: string }>(
  { network }: Requester,
  now: Date,
  find: () => Promise<Result<Found, Failure>>,
): Promise<Result<Found, Failure | LimitFailure>> {
  const budgets = networkCharges(INVITE_LOOKUPS_FROM_NETWORK, network);
  return oneAtATime(siteOf(network), async () => {
    const waitMs = await retryAfterMs(readPrimary, budgets, now);
    if (waitMs > 0) return fail({ name: "budget_spent", retryAfterMs: waitMs });
    const found = await find();
    if (found.ok || found.failure.name !== "invite_unknown") return found;
    const taken = await write((tx) => consume(tx, budgets, now));
    await sweepCounters(now);
    return taken.ok ? found : taken;
  });
}

// Kept for all the bundles that Next.js makes of this module.
const kept = globalThis as { sarafanLookUps?: Map<string, Promise<unknown>> };
kept.sarafanLookUps ??= new Map();
/** For each site that looks codes up now: settles when the last of its look-ups that wait has had its turn. */
const lastLookUps = kept.sarafanLookUps;

async function oneAtATime<Value>(site: string, run: () => Promise<Value>): Promise<Value> {
  const before = lastLookUps.get(site);
  const own = before ? before.then(run) : run();
  const ended = own.catch(() => undefined);
  lastLookUps.set(site, ended);
  try {
    return await own;
  } finally {
    if (lastLookUps.get(site) === ended) lastLookUps.delete(site);
  }
}

/**
 * Activates somebody's invite code for good: once per account, never one's own, never in a circle. Null stands for a text
 * that can't be anybody's code, and is unknown. Whatever comes of it counts as a try; who has tried too often gets
 * `budget_spent`.
 */
export async function activateInvite(
  { userId, code }: { userId: number; code: InviteCode | null },
  now = new Date(),
): Promise<Result<Invite, ActivateInviteFailure>> {
  const activated = await write(
    async (tx) => {
      const taken = await consume(tx, [{ limit: ACTIVATIONS_OF_USER, subject: String(userId) }], now);
      if (!taken.ok) return taken;
      const checked = await checkInvite(tx, userId, code);
      if (!checked.ok) return checked;
      const invite = inviteOf(checked.value);
      await recordActivation(tx, { inviteeId: userId, inviterId: checked.value.id, code: invite.code, now });
      return succeed(invite);
    },
    { turn: "who invited whom" },
  );
  return countOutcome("activations", activated);
}

/**
 * Writes down who came by whom, and counts it, both in the transaction at hand. That has to be a `write` in its turn, "who
 * invited whom", and to have looked for the inviter itself: two that look side by side would both find nobody below, and
 * close a circle together; and the inviter might be gone by now. A newcomer's, too, for that last reason.
 */
export async function recordActivation(
  tx: Writer,
  { inviteeId, inviterId, code, now }: { inviteeId: number; inviterId: number; code: InviteCode; now: Date },
): Promise<void> {
  await tx.activation.create({ data: { inviteeId, inviterId, code, activatedAt: now } });
  await tx.user.update({ where: { id: inviterId }, data: { referralCount: { increment: 1 } } });
  await recordOwnEvent(tx, inviteeId, { action: "invite_activated", now });
}

export interface Referral {
  userId: number;
  /** Null for somebody who has proven a mailbox only. */
  phone: Phone | null;
  masked: Masked;
  activatedAt: Date;
}

/** Where a page of referrals ends; in a URL as `<milliseconds>-<invitee>`. */
export const ReferralCursor = z.codec(
  z.string().regex(/^\d{1,15}-\d{1,15}$/, "cursor_malformed"),
  z.object({ activatedAt: z.date(), inviteeId: z.int().max(ACCOUNT_ID_MAX, "cursor_malformed") }),
  {
    decode: (text) => {
      const [ms, inviteeId] = text.split("-").map(Number);
      return { activatedAt: new Date(ms ?? 0), inviteeId: inviteeId ?? 0 };
    },
    encode: ({ activatedAt, inviteeId }) => `${activatedAt.getTime()}-${inviteeId}`,
  },
);
export type ReferralCursor = z.output<typeof ReferralCursor>;

const BEFORE_THE_NEWEST: ReferralCursor = { activatedAt: new Date("9999-12-31T00:00:00Z"), inviteeId: ACCOUNT_ID_MAX };

interface ReferralRow {
  inviteeId: number;
  activatedAt: Date;
  phone: string | null;
  email: string | null;
}

/**
 * The people who activated the user's invite code, newest first, a page at a time; `next` is null on the last one. One
 * statement, which reads no more rows than the page has, however many there are.
 */
export async function listReferrals(
  userId: number,
  { after = null, limit = REFERRALS_PER_PAGE }: { after?: ReferralCursor | null; limit?: number } = {},
): Promise<{ referrals: Referral[]; next: ReferralCursor | null }> {
  const { activatedAt, inviteeId } = after ?? BEFORE_THE_NEWEST;
  const rows = await read.$queryRaw<ReferralRow[]>`
    SELECT "Activation"."inviteeId", "Activation"."activatedAt", "User"."phone", "User"."email"
    FROM "Activation" JOIN "User" ON "User"."id" = "Activation"."inviteeId"
    WHERE "Activation"."inviterId" = ${userId}
      AND ("Activation"."activatedAt", "Activation"."inviteeId") < (${activatedAt}, ${inviteeId})
    ORDER BY "Activation"."activatedAt" DESC, "Activation"."inviteeId" DESC
    LIMIT ${limit + 1}`;
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    referrals: page.map((row) => ({
      userId: row.inviteeId,
      phone: row.phone as Phone | null,
      activatedAt: row.activatedAt,
      // Worked out only where it is looked at: a list may be long.
      get masked() {
        return maskIdentity(row);
      },
    })),
    next: rows.length > limit && last ? { activatedAt: last.activatedAt, inviteeId: last.inviteeId } : null,
  };
}

/** When the newest referrals came, oldest first, `GROWTH_POINTS_MAX` of them at most. */
export async function listReferralTimes(userId: number): Promise<Date[]> {
  const rows = await read.activation.findMany({
    where: { inviterId: userId },
    orderBy: [{ activatedAt: "desc" }, { inviteeId: "desc" }],
    take: GROWTH_POINTS_MAX,
    select: { activatedAt: true },
  });
  return rows.map(({ activatedAt }) => activatedAt).reverse();
}

interface Inviter {
  id: number;
  phone: string | null;
  email: string | null;
  inviteCode: string;
}

/** The account whose invite code it is. */
export function findInviter(db: Reader, inviteCode: InviteCode): Promise<Inviter | null> {
  return db.user.findUnique({
    where: { inviteCode },
    select: { id: true, phone: true, email: true, inviteCode: true },
  });
}

function inviteOf({ inviteCode, ...identity }: Inviter): Invite {
  return { code: inviteCode as InviteCode, inviter: maskIdentity(identity) };
}

/** The reasons to refuse, in the order of the rules. */
async function checkInvite(
  db: Reader,
  userId: number,
  code: InviteCode | null,
): Promise<Result<Inviter, InviteFailure>> {
  const invitee = await db.user.findUnique({
    where: { id: userId },
    select: { referralCount: true, activation: { select: { code: true } } },
  });
  if (!invitee) throw new AccountGone();
  const { activation, referralCount } = invitee;
  if (activation) return fail({ name: "invite_already_activated", activated: activation.code as InviteCode });
  const inviter = code && (await findInviter(db, code));
  if (!inviter) return fail({ name: "invite_unknown" });
  if (inviter.id === userId) return fail({ name: "invite_own" });
  // Nobody is below somebody who invited nobody: the usual case, answered without the walk.
  if (referralCount > 0 && (await isBelow(db, inviter.id, userId))) return fail({ name: "invite_circular" });
  return succeed(inviter);
}

/** Whether the user came by `ancestorId`, directly or by any number of people in between. */
async function isBelow(db: Reader, userId: number, ancestorId: number): Promise<boolean> {
  const found = await db.$queryRaw<unknown[]>`
    WITH RECURSIVE above(id) AS (
      SELECT "inviterId" FROM "Activation" WHERE "inviteeId" = ${userId}
      UNION
      SELECT "Activation"."inviterId" FROM "Activation" JOIN above ON "Activation"."inviteeId" = above.id
    )
    SELECT id FROM above WHERE id = ${ancestorId}`;
  return found.length > 0;
}
