import type { Requester } from "@/lib/core/identity/requester";
import { siteOf } from "@/lib/core/networks";
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
import { readPrimary, transact } from "@/lib/db/database";
import { perProcess } from "@/lib/per-process";
import { type ActivateInviteFailure, checkInvite, findInviter, type Invite, inviteOf } from "./activation";
import type { InviteCode } from "./invite-code";

/**
 * Whose invite code it is. Fails with `invite_unknown`, and with `budget_spent` for a network that has looked too many
 * unknown codes up.
 */
export function getInvite(
  code: InviteCode,
  requester: Requester,
  now = new Date(),
): Promise<Result<Invite, LimitFailure | { name: "invite_unknown" }>> {
  return lookUp(requester, now, async () => {
    const inviter = await findInviter(readPrimary, code);
    return inviter ? succeed(inviteOf(inviter)) : fail({ name: "invite_unknown" });
  });
}

/** What `activateInvite` would answer now, with nothing activated. It is a look-up, as `getInvite` is. */
export async function previewInvite(
  { userId, code }: { userId: number; code: InviteCode },
  requester: Requester,
  now = new Date(),
): Promise<Result<Invite, ActivateInviteFailure>> {
  const checked = await lookUp(requester, now, () => checkInvite(readPrimary, userId, code));
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

/** For each site that looks codes up now: settles when the last of its look-ups that wait has had its turn. */
const lastLookUps = perProcess("invite look-ups", () => new Map<string, Promise<unknown>>());

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
