import { SESSIONS_LISTED_MAX } from "@/lib/core/policy";
import { type Result, succeed } from "@/lib/core/result";
import { deleteSessions } from "@/lib/core/sessions/delete-sessions";
import { whereOpen } from "@/lib/core/sessions/sessions";
import { type Device, describeDevice } from "@/lib/core/sessions/user-agent";
import { readPrimary } from "@/lib/db/database";
import type { Administrator, ApiKeyActor } from "./actor";
import { type Act, type ActFailure, performAct } from "./acts";

/** An open session of a person, as an administrator sees it. */
export interface PersonSession {
  id: string;
  device: Device;
  /** An IPv4 address or an IPv6 /64; null if it is unknown. */
  network: string | null;
  seenAt: Date;
}

/** Returns the open sessions of an account, the last used first and at most `SESSIONS_LISTED_MAX`. */
export async function listSessionsOf(userId: number, now = new Date()): Promise<PersonSession[]> {
  const rows = await readPrimary.session.findMany({
    where: whereOpen(userId, now),
    select: { id: true, agent: true, network: true, seenAt: true },
    orderBy: [{ seenAt: "desc" }, { id: "desc" }],
    take: SESSIONS_LISTED_MAX,
  });
  return rows.map(({ agent, ...session }) => ({ ...session, device: describeDevice(agent) }));
}

/**
 * Ends all sessions of an account, or with `sessionId` that one. The account's devices stay trusted. A session that has ended
 * already counts as ended. Fails with an `ActFailure`.
 */
export function endSessions<Who extends Administrator | ApiKeyActor>(
  actor: Who,
  { sessionId, ...act }: Act & { sessionId: string | null },
  now = new Date(),
): Promise<Result<null, ActFailure<Who>>> {
  return performAct(actor, act, {
    action: "sessions_ended",
    perform: async (tx) => {
      const where = sessionId === null ? {} : { id: sessionId };
      const count = await deleteSessions(tx, act.userId, where, { reason: `ended_by_${actor.kind}` }, now);
      return succeed({ count });
    },
    now,
  });
}
