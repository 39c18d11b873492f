import { z } from "zod";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { ACCOUNT_ID_MAX, GROWTH_POINTS_MAX, LAST_TIME, REFERRALS_PER_PAGE } from "@/lib/core/policy";
import { read, statement } from "@/lib/db/database";

/** An account that activated the user's invite code. */
export interface Referral {
  userId: number;
  /** The proven phone; null for an account that has proven only a mailbox. */
  phone: Phone | null;
  masked: Masked;
  activatedAt: Date;
}

/**
 * Where a page of referrals begins: after the referral with this time and invitee. In a URL it is `<milliseconds>-<invitee's
 * id>`. Other text fails with the zod issue `cursor_malformed`.
 */
export const ReferralCursor = z.codec(
  z.string().regex(/^\d{1,15}-\d{1,15}$/, "cursor_malformed"),
  z.object({
    activatedAt: z.date().max(LAST_TIME, "cursor_malformed"),
    inviteeId: z.int().max(ACCOUNT_ID_MAX, "cursor_malformed"),
  }),
  {
    decode: (text) => {
      const [ms, inviteeId] = text.split("-").map(Number);
      return { activatedAt: new Date(ms ?? 0), inviteeId: inviteeId ?? 0 };
    },
    encode: ({ activatedAt, inviteeId }) => `${activatedAt.getTime()}-${inviteeId}`,
  },
);
export type ReferralCursor = z.output<typeof ReferralCursor>;

const START_OF_LIST: ReferralCursor = { activatedAt: LAST_TIME, inviteeId: ACCOUNT_ID_MAX };

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
 * Returns a page of the user's referrals, the newest first. `next` is null on the last page. Runs one SQL statement, which
 * reads only the page's rows.
 */
export async function listReferrals(
  userId: number,
  { after = null, limit = REFERRALS_PER_PAGE }: { after?: ReferralCursor | null; limit?: number } = {},
): Promise<{ referrals: Referral[]; next: ReferralCursor | null }> {
  const { activatedAt, inviteeId } = after ?? START_OF_LIST;
  const rows = await read.all(LIST_REFERRALS, { userId, activatedAt, inviteeId, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    referrals: page.map((row) => ({
      userId: row.inviteeId,
      phone: row.phone as Phone | null,
      activatedAt: row.activatedAt,
      // The identity is masked on access, because masking a phone takes long and lists may be long.
      get masked() {
        return maskIdentity(row);
      },
    })),
    next: rows.length > limit && last ? { activatedAt: last.activatedAt, inviteeId: last.inviteeId } : null,
  };
}

/** Returns the times of the newest `GROWTH_POINTS_MAX` activations of the user's code, the oldest of them first. */
export async function listReferralTimes(userId: number): Promise<Date[]> {
  const rows = await read.activation.findMany({
    where: { inviterId: userId },
    orderBy: [{ activatedAt: "desc" }, { inviteeId: "desc" }],
    take: GROWTH_POINTS_MAX,
    select: { activatedAt: true },
  });
  return rows.map(({ activatedAt }) => activatedAt).reverse();
}
