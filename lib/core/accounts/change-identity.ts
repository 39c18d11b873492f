import { consumeCodes, getCodes, requestCodes, verifyCodes } from "@/lib/core/challenges/code-pairs";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import type { ChallengeKey, Holder, TypedCode } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED, type RequestCodeFailure, type SendingOptions } from "@/lib/core/challenges/request-code";
import { isServedPhone } from "@/lib/core/challenges/served-countries";
import type { VerifiedCode, VerifyCodeFailure } from "@/lib/core/challenges/verify-code";
import { isSameRecipient, type Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { fail, type Result, succeed } from "@/lib/core/result";
import { hasToWait, type Session } from "@/lib/core/sessions/sessions";
import { type Writer, write } from "@/lib/db/database";
import { type Account, AccountGone, factorOf, getProfile, lockAccount, provenFactor } from "./accounts";
import { delayChange, dropChanges } from "./delayed-changes";
import { type ChangedIdentity, replaceIdentity } from "./replace-identity";
import { retryOnUnique } from "./retry-on-unique";

type Own = Pick<Session, "id" | "userId">;

/** A phone or mailbox that an account shall have, instead of the one it has or as its first. */
export interface IdentityChange {
  next: Recipient;
  /** A name of this one change, so that its codes are good for no other. */
  holder: Holder;
}

/** What is to be proven for a change: that one still has the old factor, and has the new one. */
type ChangeCodes = Record<"old" | "new", ChallengeKey>;

function codesOf(account: Account, { next, holder }: IdentityChange): ChangeCodes {
  const old = provenFactor(account, next.kind);
  return {
    old: { recipient: old, purpose: "identity_change", holder },
    new: { recipient: next, purpose: "identity_proof", holder },
  };
}

export type RequestIdentityChangeFailure =
  | RequestCodeFailure
  | { name: "identity_same" }
  | { name: "mail_unavailable" };

/**
 * Sends a code to the old factor, and when that was accepted one to the new. Whether the new one is somebody's plays no
 * part. One whose time has not come is left out while the last one is good. Fails with `identity_same` when the account has
 * it already.
 */
export async function requestIdentityChange(
  { userId }: Own,
  change: IdentityChange,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestIdentityChangeFailure>> {
  const account = await getAccount(userId);
  if (isSameRecipient(change.next, provenFactor(account, change.next.kind))) return fail({ name: "identity_same" });
  const codes = codesOf(account, change);
  const owners = [codes.old, codes.new];
  if (!IS_MAIL_OFFERED && owners.some(({ recipient }) => recipient.kind === "email"))
    return fail({ name: "mail_unavailable" });
  // Both before either is sent, and paid for.
  if (change.next.kind === "phone" && !isServedPhone(change.next.address)) return fail({ name: "country_not_allowed" });
  return requestCodes(owners, requester, options);
}

/** How things stand with the two codes of a change, and how long until new ones may be asked for; null is one that was not sent. */
export async function getIdentityChange(
  { userId }: Own,
  change: IdentityChange,
  requester: Requester,
  now = new Date(),
): Promise<{ old: Recipient; statuses: Record<keyof ChangeCodes, CodeStatus | null>; resendInMs: number }> {
  const codes = codesOf(await getAccount(userId), change);
  return { old: codes.old.recipient, ...(await getCodes(codes, requester, now)) };
}

export type ChangeIdentityFailure =
  | { name: "identity_taken" }
  | { name: "session_over" }
  /** Another session's request of this kind waits, which only a trusted device may cancel. */
  | { name: "change_waiting" }
  | { name: "code_refused"; old: VerifyCodeFailure | null; new: VerifyCodeFailure | null };

/** A change that was made, or that takes effect at `dueAt`. */
export type IdentityChanged = { dueAt: null; changed: ChangedIdentity } | { dueAt: Date };

/**
 * Changes the account's phone or mailbox for whoever types both codes, and ends its other sessions; `CHANGE_DELAY_MS` later
 * where an unconfirmed session asks for it and the account has a trusted device. That the new one is somebody's already,
 * `identity_taken`, is told only after the right codes. The session at hand has proven a new phone as a login would have.
 */
export async function changeIdentity(
  session: Own,
  change: IdentityChange,
  typed: { old: TypedCode; new: TypedCode },
  requester: Requester,
  now = new Date(),
): Promise<Result<IdentityChanged, ChangeIdentityFailure>> {
  const account = await getAccount(session.userId);
  const checked = await verifyCodes(codesOf(account, change), typed, requester, now);
  if (!checked.ok) return fail({ name: "code_refused", ...checked.failure.refused });
  const rights = checked.value;
  return retryOnUnique(() => write((tx) => changeOrDelay(tx, { session, account, change, rights, now })));
}

async function changeOrDelay(
  tx: Writer,
  {
    session,
    account,
    change: { next },
    rights,
    now,
  }: {
    session: Own;
    account: Account;
    change: IdentityChange;
    rights: Record<keyof ChangeCodes, VerifiedCode>;
    now: Date;
  },
): Promise<Result<IdentityChanged, ChangeIdentityFailure>> {
  // Somebody else may have changed the account since; held, so that no session is opened by the old factor meanwhile.
  if (!(await consumeCodes(tx, rights, now)) || !(await lockAccount(tx, account.id, rights.old.key.recipient))) {
    const gone = { name: "code_expired" } as const;
    return fail({ name: "code_refused", old: gone, new: gone });
  }
  const isToWait = await hasToWait(tx, session, now);
  if (isToWait === null) return fail({ name: "session_over" });
  if (isToWait) {
    if (await tx.user.findUnique({ where: factorOf(next), select: { id: true } })) {
      return fail({ name: "identity_taken" });
    }
    const delayed = await delayChange(tx, session, { action: next.kind, next }, now);
    return delayed.ok ? succeed({ dueAt: delayed.value }) : delayed;
  }
  const changed = await replaceIdentity(tx, { account, next, since: rights.new.sentAt, sessionId: session.id, now });
  if (!changed) return fail({ name: "identity_taken" });
  await dropChanges(tx, account.id, now);
  return succeed({ dueAt: null, changed });
}

async function getAccount(userId: number): Promise<Account> {
  const account = await getProfile(userId);
  if (!account) throw new AccountGone();
  return account;
}
