import { giveTryBack, noteMadeAccount, redeemVerified } from "@/lib/core/challenges/challenge";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import type { ChallengeKey, Holder, TypedCode } from "@/lib/core/challenges/one-time-code";
import {
  IS_MAIL_OFFERED,
  type RequestCodeFailure,
  requestCode,
  type SendingOptions,
  type SentCode,
} from "@/lib/core/challenges/request-code";
import { consumeChallenge, refundAttempt, type VerifyCodeFailure, verifyCode } from "@/lib/core/challenges/verify-code";
import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { findInviter, lockInviter, recordActivation } from "@/lib/core/invites/activation";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import type { FoundInvite } from "@/lib/core/invites/look-up";
import { PROOF_TTL_MS } from "@/lib/core/policy";
import { consume, networkCharges, refund, TAKEN_ANSWERS, TAKEN_ANSWERS_OF_NETWORK } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { addSession, type Session, type SessionKind } from "@/lib/core/sessions/sessions";
import { type Queries, type RolledBack, rollBack, statement, type Transaction, transact } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { AccountGone, lockAccount, provenFactorOf, shownPhone } from "./accounts";
import { recordOwnEvent } from "./audit-log";
import { applyDueChanges, isAnyChangeDue } from "./delayed-changes";
import { retryOnUnique } from "./retry-on-unique";

/** An account that was signed in to. */
export interface SignIn {
  userId: number;
  /** Whether this sign-in made the account, by its own code or by the verified one that it began with. */
  created: boolean;
  /** What was proven by it. */
  proven: Recipient;
  /** The session that was opened, null where none was asked for. */
  session: Session | null;
}

/** A session to be opened by a sign-in, and the random name of its browser or application, null where it has none. */
export interface NewSession {
  kind: SessionKind;
  browserId: string | null;
}

/** The inviter's account was deleted since the look-up. A sign-in without an invite never fails so. */
type InviteGone<Invite> = Invite extends FoundInvite ? { name: "invite_unknown" } : never;
export type SignInFailure<Invite> = VerifyCodeFailure | InviteGone<Invite>;

/** A phone, and the holder that had a code sent to it. */
interface PhoneLogin {
  phone: Phone;
  holder: Holder;
}

/** A mailbox, the holder that had a code sent to it, and the phone that the account says is its own. */
interface EmailLogin {
  email: Email;
  phone: Phone;
  holder: Holder;
}

interface Options {
  now?: Date;
  /** The session to open in the same transaction. */
  session?: NewSession | null;
  drawInvite?: () => InviteCode;
}

/** The challenge that a login by phone waits for. */
export function phoneLoginCode({ phone, holder }: PhoneLogin): ChallengeKey {
  return { recipient: phoneRecipient(phone), purpose: "login", holder };
}

/** The challenge that a login by mail waits for. */
export function mailLoginCode({ email, holder }: Pick<EmailLogin, "email" | "holder">): ChallengeKey {
  return { recipient: emailRecipient(email), purpose: "login", holder };
}

/**
 * Signs in to the phone's account by the code that was sent, or makes the account. A new account activates `invite` in the same
 * transaction; an older one is left as it is. The invite was looked up before, so that an unknown one says nothing of the code.
 */
export function signInByPhone<Invite extends FoundInvite | null = null>(
  { code, invite, phone, holder }: PhoneLogin & { code: TypedCode; invite?: Invite },
  requester: Requester,
  options: Options = {},
): Promise<Result<SignIn, SignInFailure<Invite>>> {
  return signInOrSignUp(phoneLoginCode({ phone, holder }), { code, invite, identity: { phone } }, requester, options);
}

/**
 * As `signInByPhone`, but without a session: the verified code stands for one `signInWithVerifiedCode` within `PROOF_TTL_MS`. It
 * belongs to `next`: a request in the old holder's name finds nothing.
 */
export async function verifyForLater(
  { code, phone, holder, next }: PhoneLogin & { code: TypedCode; next: Holder },
  requester: Requester,
  options: Omit<Options, "session"> = {},
): Promise<Result<null, VerifyCodeFailure>> {
  const key = phoneLoginCode({ phone, holder });
  const attempt = { code, identity: { phone }, keepFor: next };
  const verified = await signInOrSignUp(key, attempt, requester, options);
  return verified.ok ? succeed(null) : verified;
}

/**
 * Signs in by the verified code that `verifyForLater` left, or without one by the code, as `signInByPhone` does. Fails with
 * `code_missing` when a code was sent and none is given.
 */
export async function signInWithVerifiedCode(
  { phone, holder, code = null }: PhoneLogin & { code?: TypedCode | null },
  requester: Requester,
  { now = new Date(), session = null }: Pick<Options, "now" | "session"> = {},
): Promise<Result<SignIn, VerifyCodeFailure | { name: "code_missing" }>> {
  const key = phoneLoginCode({ phone, holder });
  const proven = key.recipient;
  await applyDueChanges(proven, now);
  const signedIn = await transact(async (tx): Promise<SignIn | null> => {
    const redeemed = await redeemVerified(tx, key, now);
    const known = redeemed && (await findAccount(tx, { phone }));
    if (!known) return null;
    const login = { userId: known.id, created: redeemed.madeAccount, proven };
    return { ...login, session: await openSession(tx, login, requester, session, now) };
  });
  if (signedIn) return succeed(signedIn);
  if (code !== null) return signInByPhone({ phone, holder, code }, requester, { now, session });
  const status = await getCodeStatus(key, requester, now);
  return fail({ name: status?.state === "live" ? "code_missing" : "code_expired" });
}

function registrationCode({ phone, holder }: PhoneLogin): ChallengeKey {
  return { recipient: phoneRecipient(phone), purpose: "registration", holder };
}

/**
 * Sends a code to a phone that has no account yet. That it has one is told, `phone_taken`, as often as one network and all
 * networks together may learn it. When either is spent, a taken phone is treated as a free one: the code is sent, and `register`
 * tells `phone_taken` after the right code. So a stranger who spends these answers keeps no other person from registering.
 */
export async function requestRegistrationCode(
  { phone, holder }: PhoneLogin,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "phone_taken" }>> {
  const { now = new Date() } = options;
  const charges = [
    ...networkCharges(TAKEN_ANSWERS_OF_NETWORK, requester.network),
    { limit: TAKEN_ANSWERS, subject: "all" },
  ];
  const isTold = await transact(async (tx) => {
    const consumed = await consume(tx, charges, now);
    if (!consumed.ok) return false;
    if (await findAccount(tx, { phone })) return true;
    refund(tx, consumed.value);
    return false;
  });
  if (isTold) return fail({ name: "phone_taken" });
  return requestCode(registrationCode({ phone, holder }), requester, options);
}

/**
 * Makes the account of a phone that has none, and activates `invite` in the same transaction. That the phone is taken,
 * `phone_taken`, is told after the right code only, and opens no session.
 */
export async function register<Invite extends FoundInvite | null = null>(
  { code, invite, phone, holder }: PhoneLogin & { code: TypedCode; invite?: Invite },
  requester: Requester,
  options: Options = {},
): Promise<Result<SignIn, SignInFailure<Invite> | { name: "phone_taken" }>> {
  const attempt = { code, invite, identity: { phone }, isOnlyForNew: true };
  const opened = await signInOrSignUp(registrationCode({ phone, holder }), attempt, requester, options);
  if (!opened.ok) return opened;
  return opened.value.created ? opened : fail({ name: "phone_taken" });
}

/**
 * Sends a code to the mailbox, as `requestCode` does. Whether the mailbox has an account plays no part, nor does its phone. Fails
 * with `mail_unavailable` where no mail can be sent.
 */
export async function requestMailCode(
  { email, holder }: Pick<EmailLogin, "email" | "holder">,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  if (!IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
  return requestCode(mailLoginCode({ email, holder }), requester, options);
}

/** The mailbox is that of an account with another phone, masked. */
export type PhoneMismatch = { name: "phone_mismatch"; phone: Masked };

/**
 * Signs in to the mailbox's account, or makes one that names the phone as its own without having proven it: the phone stays
 * open to the person who proves it, and opens nothing here. Fails with `phone_mismatch` after the right code when the account is
 * known by another phone; the code stays good for that one.
 */
export function signInByEmail<Invite extends FoundInvite | null = null>(
  { code, invite, email, phone, holder }: EmailLogin & { code: TypedCode; invite?: Invite },
  requester: Requester,
  options: Options = {},
): Promise<Result<SignIn, SignInFailure<Invite> | PhoneMismatch>> {
  const refusal = (known: KnownAccount): PhoneMismatch | null => {
    const shown = shownPhone(known) as Phone | null;
    return shown === null || shown === phone ? null : { name: "phone_mismatch", phone: maskPhone(shown) };
  };
  const attempt = { code, invite, identity: { email, claimedPhone: phone }, refusal };
  return signInOrSignUp(mailLoginCode({ email, holder }), attempt, requester, options);
}

/** What a code proves, and what a new account has of it. */
type Identity = { phone: Phone } | { email: Email; claimedPhone: Phone };

interface SignInAttempt<Invite, Refusal extends { name: string }> {
  identity: Identity;
  code: TypedCode;
  invite?: Invite | undefined;
  /** Why the account that is there is not opened, though the code is right; the code stays good. */
  refusal?: (known: KnownAccount) => Refusal | null;
  /** The holder for whom the verified code is kept, instead of being used up. */
  keepFor?: Holder;
  /** Whether an account that is there already is left closed. */
  isOnlyForNew?: boolean;
}

/** Verifies the code, then in one transaction uses it up, finds the account or makes it, and opens the session. */
async function signInOrSignUp<Invite extends FoundInvite | null = null, Refusal extends { name: string } = never>(
  key: ChallengeKey,
  { identity, code, invite, refusal = () => null, keepFor, isOnlyForNew }: SignInAttempt<Invite, Refusal>,
  requester: Requester,
  { now = new Date(), session = null, drawInvite = drawInviteCode }: Options,
): Promise<Result<SignIn, SignInFailure<Invite> | Refusal>> {
  const [verified, isAnyDue] = await Promise.all([verifyCode(key, code, requester, now), isAnyChangeDue(now)]);
  if (!verified.ok) return verified;
  // A phone or mailbox that is another account's from now on opens that one.
  if (isAnyDue) await applyDueChanges(key.recipient, now);

  type SignedIn = Result<SignIn, SignInFailure<Invite> | Refusal>;
  const inviteGone = fail({ name: "invite_unknown" } as InviteGone<Invite>);
  const proven = key.recipient;
  const signIn = async (tx: Transaction): Promise<SignedIn | RolledBack<SignedIn>> => {
    refundAttempt(tx, verified.value);
    const known = await findAccount(tx, identity);
    const refused = known && refusal(known);
    if (refused) {
      giveTryBack(tx, key, verified.value.codeHmac);
      return { ok: false, failure: refused };
    }
    const inviter = !known && invite ? await findInviter(tx, invite.code) : null;
    if (!known && invite && !inviter) return inviteGone;
    // A mail domain that catches all must not make accounts without end.
    const isCharged = !known && "email" in identity;
    const kept = keepFor ? { next: keepFor, verifiedUntil: new Date(now.getTime() + PROOF_TTL_MS) } : null;
    const isThere = await consumeChallenge(tx, verified.value, now, { isCharged, kept });
    if (!isThere) return fail({ name: "code_expired" });
    if (known) {
      const login = { userId: known.id, created: false, proven };
      const opened = isOnlyForNew ? null : await openSession(tx, login, requester, session, now);
      return succeed({ ...login, session: opened });
    }
    const userId = await addAccount(tx, {
      identity,
      provenSince: verified.value.sentAt,
      inviteCode: drawInvite(),
      now,
    });
    if (keepFor) noteMadeAccount(tx, { ...key, holder: keepFor });
    if (invite && inviter) {
      if (!(await lockInviter(tx, inviter))) return rollBack(inviteGone);
      recordActivation(tx, { inviteeId: userId, inviterId: inviter.id, code: invite.code, now });
    }
    const login = { userId, created: true, proven };
    return succeed({ ...login, session: await openSession(tx, login, requester, session, now) });
  };
  const signedIn = await retryOnUnique(() => transact(signIn));
  if (invite && signedIn.ok && signedIn.value.created) countOutcome("activations", signedIn);
  return signedIn;
}

/** Opens the session that was asked for, of an account whose row this locks. */
async function openSession(
  tx: Transaction,
  login: Omit<SignIn, "session">,
  requester: Requester,
  session: NewSession | null,
  now: Date,
): Promise<Session | null> {
  if (!session) return null;
  const { userId, proven, created } = login;
  // The account may have got another phone or mailbox since the code was typed.
  const { kind, browserId } = session;
  const { agent, network } = requester;
  const isReturning = isRecognised(requester, proven);
  const [isLocked, opened] = await Promise.all([
    created || lockAccount(tx, userId, proven),
    addSession(tx, { ...login, isReturning }, { agent, network, browserId }, kind, now),
  ]);
  if (!isLocked) throw new AccountGone();
  return opened;
}

const ADD_ACCOUNT = statement({
  params: {
    phone: "text?",
    phoneProvenAt: "time?",
    claimedPhone: "text?",
    email: "text?",
    emailProvenAt: "time?",
    inviteCode: "text",
    now: "time",
  },
  row: { id: "integer" },
  sql: `
    INSERT INTO "User" ("phone", "phoneProvenAt", "claimedPhone", "email", "emailProvenAt", "inviteCode", "createdAt")
    VALUES (:phone, :phoneProvenAt, :claimedPhone, :email, :emailProvenAt, :inviteCode, :now) RETURNING "id"`,
});
const NOTHING_PROVEN = { phone: null, phoneProvenAt: null, claimedPhone: null, email: null, emailProvenAt: null };

/** Makes an account that has proven what the code was sent to, at the time when the code was sent, and returns its id. */
async function addAccount(
  tx: Transaction,
  {
    identity,
    provenSince,
    inviteCode,
    now,
  }: { identity: Identity; provenSince: Date; inviteCode: InviteCode; now: Date },
): Promise<number> {
  const recipient = "phone" in identity ? phoneRecipient(identity.phone) : emailRecipient(identity.email);
  const columns = { ...NOTHING_PROVEN, ...identity, ...provenFactorOf({ recipient, since: provenSince }) };
  const added = await tx.get(ADD_ACCOUNT, { ...columns, inviteCode, now });
  if (!added) throw new Error("an account was added and has no id");
  recordOwnEvent(tx, added.id, { action: "account_created", now });
  return added.id;
}

const ACCOUNT = { id: "integer", phone: "text?", claimedPhone: "text?" } as const;
const FIND_BY_PHONE = statement({
  params: { phone: "text" },
  row: ACCOUNT,
  sql: `SELECT "id", "phone", "claimedPhone" FROM "User" WHERE "phone" = :phone`,
});
const FIND_BY_EMAIL = statement({
  params: { email: "text" },
  row: ACCOUNT,
  sql: `SELECT "id", "phone", "claimedPhone" FROM "User" WHERE "email" = :email`,
});

type KnownAccount = NonNullable<Awaited<ReturnType<typeof findAccount>>>;

/** The account that has proven this phone or mailbox. */
async function findAccount(db: Queries, identity: { phone: Phone } | { email: Email }) {
  const found =
    "phone" in identity
      ? db.get(FIND_BY_PHONE, { phone: identity.phone })
      : db.get(FIND_BY_EMAIL, { email: identity.email });
  return (await found) ?? null;
}
