import { type Writer, write } from "@/lib/db/database";
import { type Account, AccountGone, factorOf, getProfile, holdAccount, provenFactor, provenFactorOf } from "./accounts";
import { recordOwnEvent } from "./audit";
import {
  type CheckCodeFailure,
  type CodeStatus,
  checkCode,
  getCodeStatus,
  giveTryBack,
  type RightCode,
  spendCode,
} from "./challenges";
import { retryOnCollision } from "./collisions";
import { isDestination } from "./destinations";
import type { Email } from "./email";
import type { Asker, CodeOwner, TypedCode } from "./one-time-code";
import { isSameRecipient, type Recipient } from "./recipient";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { IS_MAIL_OFFERED, type RequestCodeFailure, requestCode, type SendingOptions } from "./sending";
import type { Session } from "./sessions";
import { trustBrowser } from "./trusted-browsers";

type Own = Pick<Session, "id" | "userId">;

/** A phone or mailbox that an account shall have, instead of the one it has or as its first. */
export interface IdentityChange {
  next: Recipient;
  /** A name of this one change, so that its codes are good for no other. */
  asker: Asker;
}

/** What is to be proven for a change: that one still has the old factor, and has the new one. */
interface ChangeCodes {
  old: CodeOwner;
  new: CodeOwner;
}

function codesOf(account: Account, { next, asker }: IdentityChange): ChangeCodes {
  const old = provenFactor(account, next.kind);
  return {
    old: { recipient: old, purpose: "identity_change", asker },
    new: { recipient: next, purpose: "identity_proof", asker },
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
  by: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestIdentityChangeFailure>> {
  const account = await getAccount(userId);
  if (isSameRecipient(change.next, provenFactor(account, change.next.kind))) return fail({ name: "identity_same" });
  const codes = codesOf(account, change);
  const owners = [codes.old, codes.new];
  if (!IS_MAIL_OFFERED && owners.some(({ recipient }) => recipient.kind === "email"))
    return fail({ name: "mail_unavailable" });
  // Both before either is sent, and paid for.
  if (change.next.kind === "phone" && !isDestination(change.next.address)) return fail({ name: "country_not_allowed" });
  for (const owner of owners) {
    const sent = await requestCode(owner, by, options);
    if (sent.ok) continue;
    const isGood = (await getCodeStatus(owner, by, options.now))?.state === "live";
    if (!isGood || sent.failure.name === "code_not_sent") return sent;
  }
  return succeed(null);
}

/** How things stand with the two codes of a change, and how long until new ones may be asked for; null is one that was not sent. */
export async function getIdentityChange(
  { userId }: Own,
  change: IdentityChange,
  by: Requester,
  now = new Date(),
): Promise<{ old: Recipient; statuses: ChangeStatuses; resendInMs: number }> {
  const codes = codesOf(await getAccount(userId), change);
  const [old, next] = await Promise.all([getCodeStatus(codes.old, by, now), getCodeStatus(codes.new, by, now)]);
  const statuses = { old, new: next };
  return { old: codes.old.recipient, statuses, resendInMs: resendWaitMs(statuses) };
}

type ChangeStatuses = Record<keyof ChangeCodes, CodeStatus | null>;

/** Until all that are dead can be replaced, for a good one is left out; or where both are good, the first of them. */
function resendWaitMs({ old, new: next }: ChangeStatuses): number {
  if (old?.state === "live" && next?.state === "live") return Math.min(old.resendInMs, next.resendInMs);
  return Math.max(...[old, next].map((status) => (status && status.state !== "live" ? status.resendInMs : 0)));
}

export type ChangeIdentityFailure =
  | { name: "identity_taken" }
  | { name: "session_over" }
  | { name: "code_refused"; old: CheckCodeFailure | null; new: CheckCodeFailure | null };

export interface ChangedIdentity {
  name: "phone_changed" | "email_changed";
  /** Whether there was none before, is another one now, or is none any more. */
  was: "added" | "changed" | "removed";
  /** The mailbox that the account had until now, and the new one. */
  mailboxes: Email[];
}

/**
 * Changes the account's phone or mailbox for whoever types both codes, and ends its other sessions. That the new one is
 * somebody's already, `identity_taken`, is told only then. The session at hand has proven a new phone as a login would have.
 */
export async function changeIdentity(
  session: Own,
  change: IdentityChange,
  typed: { old: TypedCode; new: TypedCode },
  by: Requester,
  now = new Date(),
): Promise<Result<ChangedIdentity, ChangeIdentityFailure>> {
  const account = await getAccount(session.userId);
  const codes = codesOf(account, change);
  const old = await checkCode(codes.old, typed.old, by, now);
  const next = await checkCode(codes.new, typed.new, by, now);
  if (!old.ok || !next.ok) {
    await write(async (tx) => {
      for (const checked of [old, next]) if (checked.ok) await giveTryBack(tx, checked.value);
    });
    return fail({ name: "code_refused", old: old.ok ? null : old.failure, new: next.ok ? null : next.failure });
  }
  const rights: [RightCode, RightCode] = [old.value, next.value];
  return retryOnCollision(() => write((tx) => replaceIdentity(tx, { session, account, change, rights, now })));
}

async function replaceIdentity(
  tx: Writer,
  {
    session: { id, userId },
    account,
    change: { next },
    rights,
    now,
  }: { session: Own; account: Account; change: IdentityChange; rights: [old: RightCode, next: RightCode]; now: Date },
): Promise<Result<ChangedIdentity, ChangeIdentityFailure>> {
  let isUsed = true;
  for (const right of rights) {
    await giveTryBack(tx, right);
    isUsed = isUsed && (await spendCode(tx, right, now));
  }
  const [old, proof] = rights;
  // Somebody else may have changed the account since; held, so that no session is opened by the old factor meanwhile.
  if (!isUsed || !(await holdAccount(tx, userId, old.owner.recipient))) {
    const gone = { name: "code_expired" } as const;
    return fail({ name: "code_refused", old: gone, new: gone });
  }
  if (await tx.user.findUnique({ where: factorOf(next), select: { id: true } }))
    return fail({ name: "identity_taken" });
  const proven = next.kind === "phone" ? { provenPhone: next.address } : {};
  // Who has typed both codes is no stranger, however new the device is.
  const [own] = await tx.session.updateManyAndReturn({
    where: { id, userId },
    data: { ...proven, isNew: false },
    select: { browserId: true },
  });
  if (!own) return fail({ name: "session_over" });
  await trustBrowser(tx, { userId, browserId: own.browserId }, now);

  await tx.user.update({
    where: { id: userId },
    data: {
      ...provenFactorOf({ recipient: next, since: proof.sentAt }),
      ...(next.kind === "phone" && { claimedPhone: null }),
    },
  });
  await tx.session.deleteMany({ where: { userId, NOT: { id } } });
  const name = next.kind === "phone" ? "phone_changed" : "email_changed";
  const isAdded = account[next.kind] === null;
  await recordOwnEvent(tx, userId, { action: name, details: { isAdded }, now });
  const mailboxes = [account.email, next.kind === "email" ? next.address : null].flatMap((email) => email ?? []);
  return succeed({ name, was: isAdded ? "added" : "changed", mailboxes });
}

async function getAccount(userId: number): Promise<Account> {
  const account = await getProfile(userId);
  if (!account) throw new AccountGone();
  return account;
}
