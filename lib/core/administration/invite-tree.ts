import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import { dayOf, startOfDay } from "@/lib/core/statistics/days";
import { readPrimary, statement } from "@/lib/db/database";
import type { Administrator } from "./actor";

/** How many inviters above an account its page shows. The page of the last one goes on. */
export const INVITERS_SHOWN = 6;
/** How many of the newest invitees an account's page shows, and how many invitees of each of them. The list of people has all. */
export const INVITEES_SHOWN = 5;
export const INVITEES_OF_INVITEE_SHOWN = 3;
/** Of how many of its newest invitees the invitees are counted, so that the count costs the same for any account. */
export const INVITEES_COUNTED_MAX = 1000;

/** An account that invited another one, or was invited by it. */
export interface Relative {
  id: number;
  masked: Masked;
  isBlocked: boolean;
}

/** An account that was invited, how many accounts it invited itself, and the newest of these. */
export interface Invitee extends Relative {
  referralCount: number;
  invitees: Relative[];
}

/** Who is above and below an account in the tree of invitations. */
export interface InviteTree {
  /** The inviter, the inviter's inviter and so on. The last one is null if that account was deleted. */
  inviters: (Relative | null)[];
  /** Whether the last of `inviters` was invited, too. */
  hasMoreInviters: boolean;
  /** The newest invitees. */
  invitees: Invitee[];
  /** How many accounts the invitees invited. It is a lower bound if `isCounted` is false: then there are too many invitees. */
  secondLevel: { count: number; isCounted: boolean };
  /** How many accounts activated the code since the first day of this month in `TIME_ZONE`. */
  referralsThisMonth: number;
}

const IDENTITY = { phone: "text?", claimedPhone: "text?", email: "text?", isBlocked: "boolean?" } as const;
const IDENTITY_COLUMNS = `"User"."phone", "User"."claimedPhone", "User"."email", "User"."blockedAt" IS NOT NULL AS "isBlocked"`;

const LIST_INVITERS = statement({
  params: { userId: "integer", limit: "integer" },
  row: { id: "integer?", ...IDENTITY },
  sql: `
    WITH RECURSIVE "above"("id", "depth") AS (
      SELECT "inviterId", 1 FROM "Activation" WHERE "inviteeId" = :userId
      UNION ALL
      SELECT "Activation"."inviterId", "depth" + 1
      FROM "Activation" JOIN "above" ON "Activation"."inviteeId" = "above"."id" WHERE "depth" < :limit)
    SELECT "User"."id", ${IDENTITY_COLUMNS}
    FROM "above" LEFT JOIN "User" ON "User"."id" = "above"."id" ORDER BY "depth"`,
});

const LIST_INVITEES = statement({
  params: { userId: "integer", limit: "integer" },
  row: { id: "integer", referralCount: "integer", ...IDENTITY },
  sql: `
    SELECT "User"."id", "User"."referralCount", ${IDENTITY_COLUMNS}
    FROM "Activation" JOIN "User" ON "User"."id" = "Activation"."inviteeId"
    WHERE "Activation"."inviterId" = :userId
    ORDER BY "Activation"."activatedAt" DESC, "Activation"."inviteeId" DESC
    LIMIT :limit`,
});

const COUNT_SECOND_LEVEL = statement({
  params: { userId: "integer", limit: "integer" },
  row: { invitees: "integer", count: "integer" },
  sql: `
    SELECT COUNT(*) AS "invitees", COALESCE(SUM("User"."referralCount"), 0) AS "count"
    FROM (
      SELECT "inviteeId" FROM "Activation" WHERE "inviterId" = :userId
      ORDER BY "activatedAt" DESC, "inviteeId" DESC LIMIT :limit
    ) AS "newest" JOIN "User" ON "User"."id" = "newest"."inviteeId"`,
});

const COUNT_SINCE = statement({
  params: { userId: "integer", since: "time" },
  row: { count: "integer" },
  sql: `SELECT COUNT(*) AS "count" FROM "Activation" WHERE "inviterId" = :userId AND "activatedAt" >= :since`,
});

/**
 * Returns who invited an account, up to the root or `INVITERS_SHOWN` accounts above it, and the newest of the accounts that it
 * invited, two levels down, all masked. Records nothing: the caller records the look with `idsIn` of the tree.
 */
export async function readInviteTree(
  _administrator: Administrator,
  userId: number,
  now = new Date(),
): Promise<InviteTree> {
  const since = startOfDay(`${dayOf(now).slice(0, -2)}01`);
  const [above, below, second, thisMonth] = await Promise.all([
    readPrimary.all(LIST_INVITERS, { userId, limit: INVITERS_SHOWN + 1 }),
    readPrimary.all(LIST_INVITEES, { userId, limit: INVITEES_SHOWN }),
    readPrimary.get(COUNT_SECOND_LEVEL, { userId, limit: INVITEES_COUNTED_MAX }),
    readPrimary.get(COUNT_SINCE, { userId, since }),
  ]);
  const invitees = await Promise.all(
    below.map(async ({ referralCount, ...row }) => ({
      ...relativeOf(row),
      referralCount,
      invitees: (await readPrimary.all(LIST_INVITEES, { userId: row.id, limit: INVITEES_OF_INVITEE_SHOWN })).map(
        relativeOf,
      ),
    })),
  );
  return {
    inviters: above.slice(0, INVITERS_SHOWN).map(({ id, ...row }) => (id === null ? null : relativeOf({ id, ...row }))),
    hasMoreInviters: above.length > INVITERS_SHOWN,
    invitees,
    secondLevel: { count: second?.count ?? 0, isCounted: (second?.invitees ?? 0) < INVITEES_COUNTED_MAX },
    referralsThisMonth: thisMonth?.count ?? 0,
  };
}

/** Returns the ids of all accounts that a tree shows. */
export function idsIn({ inviters, invitees }: InviteTree): number[] {
  const below = invitees.flatMap((one) => [one, ...one.invitees]);
  return [...inviters, ...below].flatMap((one) => one?.id ?? []);
}

function relativeOf({
  id,
  phone,
  claimedPhone,
  email,
  isBlocked,
}: {
  id: number;
  phone: string | null;
  claimedPhone: string | null;
  email: string | null;
  isBlocked: boolean | null;
}): Relative {
  return { id, masked: maskIdentity({ phone: phone ?? claimedPhone, email }), isBlocked: isBlocked === true };
}
