import type { EndReason } from "@/lib/core/events/event-types";
import { publishEndOfSessions } from "@/lib/core/events/publish";
import { addLogoutNotices } from "@/lib/core/oauth/logout-notices";
import type { Writer } from "@/lib/db/database";

/**
 * Deletes the sessions of the account that `where` selects (all without it), and publishes their end. The tokens of applications that
 * people logged in to in these sessions end with them, and the applications are told. The caller has locked the account's row. Returns
 * how many sessions were deleted.
 */
export async function deleteSessions(
  tx: Writer,
  userId: number,
  where: NonNullable<Parameters<Writer["session"]["deleteMany"]>[0]>["where"],
  { reason }: { reason: EndReason },
  now: Date,
): Promise<number> {
  const rows = await tx.session.findMany({ where: { ...where, userId }, select: { id: true } });
  const sessionIds = rows.map(({ id }) => id);
  if (sessionIds.length === 0) return 0;
  await addLogoutNotices(tx, userId, { sessionIds }, now);
  await tx.session.deleteMany({ where: { ...where, userId } });
  publishEndOfSessions(tx, userId, { sessionIds, reason }, now);
  return sessionIds.length;
}
