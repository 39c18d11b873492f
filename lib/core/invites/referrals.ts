import { z } from "zod";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { ACCOUNT_ID_MAX, GROWTH_POINTS_MAX, REFERRALS_PER_PAGE } from "@/lib/core/policy";
import { read, statement } from "@/lib/db/database";

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
