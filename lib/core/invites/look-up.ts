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

declare const isFound: unique symbol;
/** An invite whose code belonged to an account when it was looked up. Only `getInvite` and `getSeenInvite` return one. */
export type FoundInvite = Invite & { readonly [isFound]: true };

/**
 * Returns the invite of a code. Fails with `invite_unknown`, or `budget_spent` if the network looked up too many unknown codes.
 */
export function getInvite(
  code: InviteCode,
  requester: Requester,
  now = new Date(),
): Promise<Result<FoundInvite, LimitFailure | { name: "invite_unknown" }>> {
  return lookUp(requester, now, async () => {
    const invite = await getSeenInvite(code);
    return invite ? succeed(invite) : fail({ name: "invite_unknown" });
  });
}

/** An invite code that a request has brought to the login of a person. */
export interface BroughtInvite {
  code: InviteCode;
  /** Whether the code was looked up and belonged to an account then. */
  isChecked: boolean;
}

/**
 * Looks up the invite code of an application's request. Returns null if it is unknown. If the network's look-ups are used up, the code
 * is kept unchecked, because unknown codes of a stranger behind the same address must not cost a person the invitation.
 */
export async function checkBroughtInvite(
  code: InviteCode,
  requester: Requester,
  now = new Date(),
): Promise<BroughtInvite | null> {
  const found = await getInvite(code, requester, now);
  if (found.ok) return { code, isChecked: true };
  return found.failure.name === "budget_spent" ? { code, isChecked: false } : null;
}

/**
 * Returns the invite of a code that this browser has looked up before; null if the inviter's account was deleted. The call is
 * not counted as a look-up, so `code` must come from a sealed cookie.
 */
export async function getSeenInvite(code: InviteCode): Promise<FoundInvite | null> {
  const inviter = await findInviter(readPrimary, code);
  return inviter && (inviteOf(inviter) as FoundInvite);
}

/**
 * Returns what `activateInvite` would return, without activating. Counts as a look-up, as `getInvite` does. Throws
 * `AccountGone`.
 */
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
 * Looks an invite code up with `find`. An unknown code counts against the network's limit. When the limit is used up, all
 * look-ups of the network are refused. A known code is not counted and writes nothing, because many people behind one address
 * may open one invitation. In a process, look-ups of one site (an IPv4 address or an IPv6 /48) run one after the other, so that
 * parallel look-ups can't exceed the limit.
 */
function lookUp<Found, Failure extends { name: string }>(
  { network }: Requester,
  now: Date,
  find: () => Promise<Result<Found, Failure>>,
): Promise<Result<Found, Failure | LimitFailure>> {
  const charges = networkCharges(INVITE_LOOKUPS_FROM_NETWORK, network);
  return oneAtATime(siteOf(network), async () => {
    const waitMs = await retryAfterMs(readPrimary, charges, now);
    if (waitMs > 0) return fail({ name: "budget_spent", retryAfterMs: waitMs });
    const found = await find();
    if (found.ok || found.failure.name !== "invite_unknown") return found;
    const consumed = await transact((tx) => consume(tx, charges, now));
    sweepInBackground();
    return consumed.ok ? found : consumed;
  });
}

const lastLookUpBySite = perProcess("invite look-ups", () => new Map<string, Promise<unknown>>());

async function oneAtATime<Value>(site: string, run: () => Promise<Value>): Promise<Value> {
  const before = lastLookUpBySite.get(site);
  const own = before ? before.then(run) : run();
  const ended = own.catch(() => undefined);
  lastLookUpBySite.set(site, ended);
  try {
    return await own;
  } finally {
    if (lastLookUpBySite.get(site) === ended) lastLookUpBySite.delete(site);
  }
}
