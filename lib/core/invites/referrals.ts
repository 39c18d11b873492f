import { z } from "zod";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { siteOf } from "@/lib/core/networks";
import { ACCOUNT_ID_MAX, GROWTH_POINTS_MAX, REFERRALS_PER_PAGE } from "@/lib/core/policy";
import {
  ACTIVATIONS_OF_USER,
  consume,
  INVITE_LOOKUPS_FROM_NETWORK,
  type LimitFailure,
  networkCharges,
  retryAfterMs,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { sweepInBackground } from "@/lib/core/sweeping";
import { read, readPrimary, statement, transact } from "@/lib/db/database";
import { type ActivateInviteFailure, checkInvite, findInviter, type Invite, inviteOf } from "./activation";
import type { InviteCode } from "./invite-code";

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
    const taken = await transact((tx) => consume(tx, budgets, now));
    sweepInBackground();
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

const LIST_REFERRALS = statement({
  params: { userId: "integer", activatedAt: "time", inviteeId: "integer", limit: "integer" },
  row: { inviteeId: "integer", activatedAt: "time", phone: "text?", email: "text?" },
  sql: `
    SELECT "Activation"."inviteeId", "Activation"."activatedAt", "User"."phone", "User"."email"
    FROM "Activation" JOIN "User" ON "User"."id" = "Activation"."inviteeId"
    WHERE "Activation"."inviterId" = :userId
      AND ("Activation"."activatedAt", "Activation"."inviteeId") < (:activatedAt, :inviteeId)
    ORDER BY "Activation"."activatedAt" DESC, "Activation"."inviteeId" DESC
    LIMIT :limit`,
});

/**
 * The people who activated the user's invite code, newest first, a page at a time; `next` is null on the last one. One
 * statement, which reads no more rows than the page has, however many there are.
 */
export async function listReferrals(
  userId: number,
  { after = null, limit = REFERRALS_PER_PAGE }: { after?: ReferralCursor | null; limit?: number } = {},
): Promise<{ referrals: Referral[]; next: ReferralCursor | null }> {
  const { activatedAt, inviteeId } = after ?? BEFORE_THE_NEWEST;
  const rows = await read.all(LIST_REFERRALS, { userId, activatedAt, inviteeId, limit: limit + 1 });
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
