import { recordMadeAccount, redeemVerified, restoreAttempt } from "@/lib/core/challenges/challenge";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import type { ChallengeKey, Holder, TypedCode } from "@/lib/core/challenges/one-time-code";
import {
  IS_MAIL_OFFERED,
  type RequestCodeFailure,
  requestCode,
  type SendingOptions,
  type SentCode,
} from "@/lib/core/challenges/request-code";
import { channelOf } from "@/lib/core/challenges/served-countries";
import { consumeChallenge, refundAttempt, type VerifyCodeFailure, verifyCode } from "@/lib/core/challenges/verify-code";
import { publishFirstEvent } from "@/lib/core/events/publish";
import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { activateAtFirstLogin, findInviter, lockInviter, recordActivation } from "@/lib/core/invites/activation";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import type { FoundInvite } from "@/lib/core/invites/look-up";
import { PROOF_TTL_MS } from "@/lib/core/policy";
import { consume, networkCharges, refund, TAKEN_ANSWERS, TAKEN_ANSWERS_OF_NETWORK } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { addSession, type Session, type SessionKind } from "@/lib/core/sessions/sessions";
import {
  type Queries,
  type RolledBack,
  readPrimary,
  rollBack,
  statement,
  type Transaction,
  transact,
} from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { AccountGone, type Factor, factorColumns, insertAccount, lockAccount, shownPhone } from "./accounts";
import { recordEventByOwner } from "./audit-log";
import { applyDueChanges } from "./delayed-changes";
import { retryOnUnique } from "./retry-on-unique";

/** The result of a sign-in. */
export interface SignIn {
  userId: number;
  /** Whether this sign-in made the account, or the earlier verification of its code did (`verifyForLater`). */
  created: boolean;
  /** Whether this sign-in activated an invite code for the new account. */
  invited: boolean;
  /** The phone or mailbox that the code proved. */
  proven: Recipient;
  /** The opened session; null if no session was requested, or if `register` found an account. */
  session: Session | null;
}

/** The session that a sign-in should open. `browserId` is the random name of the browser or client application, or null. */
export interface NewSession {
  kind: SessionKind;
  browserId: string | null;
}

/** The inviter's account was deleted after the look-up of the invite. A sign-in without an invite can't fail with it. */
type InviteGone<Invite> = Invite extends FoundInvite ? { name: "invite_unknown" } : never;
/** An administrator blocked the account. Only the right code gets this failure, and the code is used up by it. */
export type BlockedFailure = { name: "account_blocked" };
/** The failures of a sign-in. */
export type SignInFailure<Invite> = VerifyCodeFailure | InviteGone<Invite> | BlockedFailure;

/** A phone, and the holder that requested a code to it. */
type PhoneLogin = { phone: Phone; holder: Holder };
/** A mailbox, and the holder that requested a code to it. */
type EmailLogin = { email: Email; holder: Holder };

/** What a new account activates: an invite that was looked up, or the code of one that could not be looked up. */
interface Invitation<Invite> {
  invite?: Invite | undefined;
  uncheckedInvite?: InviteCode | null | undefined;
}

/** Options of a sign-in. `drawInvite` replaces the random generator of invite codes in tests. */
interface Options {
  now?: Date;
  /** The session to open in the transaction of the sign-in; null opens none. */
  session?: NewSession | null;
  drawInvite?: () => InviteCode;
}

/** Returns the key of the challenge of a login by phone. */
export function phoneLoginCode({ phone, holder }: PhoneLogin): ChallengeKey {
  return { recipient: phoneRecipient(phone), purpose: "login", holder };
}

/** Returns the key of the challenge of a login by mail. */
export function mailLoginCode({ email, holder }: EmailLogin): ChallengeKey {
  return { recipient: emailRecipient(email), purpose: "login", holder };
}

/**
 * Signs in to the phone's account with the code that was sent, or makes the account. A new account activates `invite` in the same
 * transaction; an existing account ignores `invite`. The caller has looked the invite up before, so that an unknown invite does not
 * reveal whether the code is right.
 *
 * `uncheckedInvite` is an invite code that could not be looked up. A new account activates it if it can, and is made without an
 * inviter if not. So a stranger learns whether such a code is known only by the right one-time code of a phone without an account.
 *
 * Fails as `verifyCode` does, with `account_blocked` after the right code of a blocked account, and with `invite_unknown` if the
 * inviter's account was deleted after the look-up, or if either the inviter or the new account is a test number's and the other is
 * not. Throws `AccountGone` if the account is deleted, changed or blocked during the sign-in.
 */
export function signInByPhone<Invite extends FoundInvite | null = null>(
  { phone, holder, ...attempt }: PhoneLogin & { code: TypedCode } & Invitation<Invite>,
  requester: Requester,
  options: Options = {},
): Promise<Result<SignIn, SignInFailure<Invite>>> {
  return signInOrSignUp(phoneLoginCode({ phone, holder }), attempt, requester, options);
}

/**
 * Verifies a code as `signInByPhone` does, and makes the account if there is none, but opens no session. Within `PROOF_TTL_MS`
 * the holder `next` can call `signInWithVerifiedCode` once. The challenge moves to `next`, so the old holder can't use it.
 * Fails as `verifyCode` does, and with `account_blocked`.
 */
export async function verifyForLater(
  { code, phone, holder, next }: PhoneLogin & { code: TypedCode; next: Holder },
  requester: Requester,
  options: Omit<Options, "session"> = {},
): Promise<Result<null, VerifyCodeFailure | BlockedFailure>> {
  const key = phoneLoginCode({ phone, holder });
  const verified = await signInOrSignUp(key, { code, keepFor: next }, requester, options);
  return verified.ok ? succeed(null) : verified;
}

/**
 * Signs in with the code that `verifyForLater` verified. If that verification made the account, activates `uncheckedInvite` as
 * `signInByPhone` does. If no verified code is stored, signs in with `code`, as `signInByPhone` does. Fails as `verifyCode` does, with `account_blocked`, and with `code_missing` if a live code was sent and
 * `code` is null. Throws `AccountGone` as `signInByPhone` does.
 */
export async function signInWithVerifiedCode(
  {
    phone,
    holder,
    code = null,
    uncheckedInvite = null,
  }: PhoneLogin & {
    code?: TypedCode | null;
    uncheckedInvite?: InviteCode | null;
  },
  requester: Requester,
  { now = new Date(), session = null }: Pick<Options, "now" | "session"> = {},
): Promise<Result<SignIn, VerifyCodeFailure | BlockedFailure | { name: "code_missing" }>> {
  const key = phoneLoginCode({ phone, holder });
  const proven = key.recipient;
  await applyDueChanges(proven, now);
  const redeem = async (tx: Transaction): Promise<SignIn | BlockedFailure | null> => {
    const redeemed = await redeemVerified(tx, key, now);
    const known = redeemed && (await findAccount(tx, proven));
    if (!known) return null;
    if (known.isBlocked) return { name: "account_blocked" };
    const [userId, created] = [known.id, redeemed.madeAccount];
    const invited =
      created &&
      uncheckedInvite !== null &&
      (await activateAtFirstLogin(tx, { userId, code: uncheckedInvite, factor: proven, now }));
    const login = { userId, created, invited, proven, isTest: known.isTest };
    return { ...login, session: await openSession(tx, login, requester, session, now) };
  };
  const signedIn = await againIfBlocked(proven, () => transact(redeem));
  if (signedIn && "name" in signedIn) return fail(signedIn);
  if (signedIn) return countActivation(succeed(signedIn));
  if (code !== null) return signInByPhone({ phone, holder, code, uncheckedInvite }, requester, { now, session });
  const status = await getCodeStatus(key, requester, now);
  return fail({ name: status?.state === "live" ? "code_missing" : "code_expired" });
}

function registrationCode({ phone, holder }: PhoneLogin): ChallengeKey {
  return { recipient: phoneRecipient(phone), purpose: "registration", holder };
}

/**
 * Sends a code to a phone that has no account yet. Fails with `phone_taken` if the phone has an account, and as `requestCode`
 * does.
 *
 * Limits for each network, and for all networks together, count the answers `phone_taken`. When either limit is used up, a
 * taken phone is treated like a free one: the code is sent, and `register` answers `phone_taken` after the right code. So a
 * stranger who uses up these answers keeps no other person from registering.
 */
export async function requestRegistrationCode(
  { phone, holder }: PhoneLogin,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "phone_taken" }>> {
  const { now = new Date() } = options;
  const key = registrationCode({ phone, holder });
  const charges = [
    ...networkCharges(TAKEN_ANSWERS_OF_NETWORK, requester.network),
    { limit: TAKEN_ANSWERS, subject: "all" },
  ];
  const isTaken = await transact(async (tx) => {
    const consumed = await consume(tx, charges, now);
    if (!consumed.ok) return false;
    if (await findAccount(tx, key.recipient)) return true;
    refund(tx, consumed.value);
    return false;
  });
  if (isTaken) return fail({ name: "phone_taken" });
  return requestCode(key, requester, options);
}

/**
 * Makes an account for a phone that has none, and activates `invite` in the same transaction. Fails as `signInByPhone` does. If
 * the phone has an account already, fails with `phone_taken` after the right code, and opens no session.
 */
export async function register<Invite extends FoundInvite | null = null>(
  { code, invite, phone, holder }: PhoneLogin & { code: TypedCode; invite?: Invite },
  requester: Requester,
  options: Options = {},
): Promise<Result<SignIn, SignInFailure<Invite> | { name: "phone_taken" }>> {
  const attempt = { code, invite, isOnlyForNew: true };
  const opened = await signInOrSignUp(registrationCode({ phone, holder }), attempt, requester, options);
  if (!opened.ok) return opened;
  return opened.value.created ? opened : fail({ name: "phone_taken" });
}

/**
 * Sends a code for a login by mail. The result does not say whether the mailbox has an account. Fails with `mail_unavailable`
 * if no mail can be sent, and as `requestCode` does.
 */
export async function requestMailCode(
  { email, holder }: EmailLogin,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  if (!IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
  return requestCode(mailLoginCode({ email, holder }), requester, options);
}

/**
 * Signs in to the mailbox's account, or makes an account that claims `phone` without proving it. The claim opens nothing: a
 * person who proves the phone gets an account of their own.
 *
 * Fails as `signInByPhone` does, and with `phone_mismatch` after the right code if the account has another phone (`phone` in the
 * failure, masked). The code stays valid, so that the request can be repeated with the right phone.
 */
export function signInByEmail<Invite extends FoundInvite | null = null>(
  { email, phone, holder, ...typed }: EmailLogin & { phone: Phone; code: TypedCode } & Invitation<Invite>,
  requester: Requester,
  options: Options = {},
): Promise<Result<SignIn, SignInFailure<Invite> | { name: "phone_mismatch"; phone: Masked }>> {
  const refusal = (known: KnownAccount) => {
    const shown = shownPhone(known) as Phone | null;
    return shown === null || shown === phone ? null : ({ name: "phone_mismatch", phone: maskPhone(shown) } as const);
  };
  const attempt = { ...typed, claimedPhone: phone, refusal };
  return signInOrSignUp(mailLoginCode({ email, holder }), attempt, requester, options);
}

/** A typed code, and what the sign-in does if the code is right. */
interface SignInAttempt<Invite, Refusal extends { name: string }> extends Invitation<Invite> {
  code: TypedCode;
  /** The phone that a new account claims without proving it. */
  claimedPhone?: Phone;
  /**
   * Returns the failure for an existing account that must not be opened although the code is right; null if it may be opened.
   * The code stays valid after such a failure.
   */
  refusal?: (known: KnownAccount) => Refusal | null;
  /** If set, the code is not used but kept as verified for this holder. */
  keepFor?: Holder;
  /** Whether only a new account gets a session. */
  isOnlyForNew?: boolean;
}

/** Verifies the code. Then, in one transaction, marks it as used, finds or makes the account, and opens the session. */
async function signInOrSignUp<Invite extends FoundInvite | null = null, Refusal extends { name: string } = never>(
  key: ChallengeKey,
  attempt: SignInAttempt<Invite, Refusal>,
  requester: Requester,
  { now = new Date(), session = null, drawInvite = drawInviteCode }: Options,
): Promise<Result<SignIn, SignInFailure<Invite> | Refusal>> {
  const { code, invite, uncheckedInvite, claimedPhone, refusal = () => null, keepFor, isOnlyForNew } = attempt;
  const verified = await verifyCode(key, code, requester, now);
  if (!verified.ok) return verified;
  // A due change may move the phone or mailbox to another account. The code must open that account.
  if (verified.value.isAnyChangeDue) await applyDueChanges(key.recipient, now);

  type SignedIn = Result<SignIn, SignInFailure<Invite> | Refusal>;
  const inviteGone = fail({ name: "invite_unknown" } as InviteGone<Invite>);
  const proven = key.recipient;
  const { isTest } = verified.value;
  const signIn = async (tx: Transaction): Promise<SignedIn | RolledBack<SignedIn>> => {
    refundAttempt(tx, verified.value);
    const known = await findAccount(tx, proven);
    // The account of a test number that has ended is about to be deleted. A code that was sent must not open it.
    if (known && proven.kind === "phone" && known.isTest !== isTest) return fail({ name: "code_expired" });
    const refused = known && !known.isBlocked && refusal(known);
    if (refused) {
      restoreAttempt(tx, key, verified.value.codeHmac);
      return { ok: false, failure: refused };
    }
    const inviteCode = known ? null : (invite?.code ?? uncheckedInvite ?? null);
    const found = inviteCode && (await findInviter(tx, inviteCode));
    const inviter = found?.isTest === isTest ? found : null;
    if (!known && invite && !inviter) return inviteGone;
    // The network stays charged for a sign-up by mail, because a mail domain that accepts all addresses could otherwise make
    // any number of accounts.
    const isCharged = !known && proven.kind === "email";
    const kept =
      keepFor && !known?.isBlocked ? { next: keepFor, verifiedUntil: new Date(now.getTime() + PROOF_TTL_MS) } : null;
    const isThere = await consumeChallenge(tx, verified.value, now, { isCharged, kept });
    if (!isThere) return fail({ name: "code_expired" });
    if (known?.isBlocked) return fail({ name: "account_blocked" });
    if (known) {
      const login = { userId: known.id, created: false, invited: false, proven, isTest };
      const opened = isOnlyForNew ? null : await openSession(tx, login, requester, session, now);
      return succeed({ ...login, session: opened });
    }
    const factor = { recipient: proven, since: verified.value.sentAt };
    const userId = await addAccount(tx, factor, { claimedPhone, inviteCode: drawInvite(), isTest, now });
    if (keepFor) recordMadeAccount(tx, { ...key, holder: keepFor });
    const invited = inviter ? await lockInviter(tx, inviter) : false;
    if (invite && !invited) return rollBack(inviteGone);
    if (inviter && inviteCode && invited) {
      recordActivation(tx, {
        inviteeId: userId,
        inviterId: inviter.id,
        code: inviteCode,
        factor: proven,
        isTest,
        now,
      });
    }
    const login = { userId, created: true, invited, proven, isTest };
    return succeed({ ...login, session: await openSession(tx, login, requester, session, now, { isMadeHere: true }) });
  };
  return countActivation(await againIfBlocked(proven, () => retryOnUnique(() => transact(signIn))));
}

/** Counts the activation of a sign-in that made one. */
function countActivation<SignedIn extends Result<SignIn, { name: string }>>(signedIn: SignedIn): SignedIn {
  if (signedIn.ok && signedIn.value.invited) countOutcome("activations", signedIn);
  return signedIn;
}

/** Signs in again if the account was blocked during the sign-in, so that the right code is used up and the person is told. */
async function againIfBlocked<Value>(proven: Recipient, signIn: () => Promise<Value>): Promise<Value> {
  try {
    return await signIn();
  } catch (error) {
    if (!(error instanceof AccountGone) || !(await findAccount(readPrimary, proven))?.isBlocked) throw error;
    return signIn();
  }
}

/**
 * Opens the requested session, after locking the account's row. Returns null if no session was requested. Throws `AccountGone`.
 */
async function openSession(
  tx: Transaction,
  login: Omit<SignIn, "session"> & { isTest: boolean },
  requester: Requester,
  session: NewSession | null,
  now: Date,
  { isMadeHere = false } = {},
): Promise<Session | null> {
  if (!session) return null;
  const { userId, proven } = login;
  const { kind, browserId } = session;
  const isReturning = isRecognised(requester, proven);
  const [isLocked, opened] = await Promise.all([
    isMadeHere || lockAccount(tx, userId, proven),
    addSession(tx, { ...login, isReturning }, { ...requester, browserId }, kind, now),
  ]);
  // The account may have lost this phone or mailbox, or may have been deleted or blocked, since the code was verified.
  if (!isLocked) throw new AccountGone();
  return opened;
}

const NO_FACTOR = { phone: null, phoneProvenAt: null, email: null, emailProvenAt: null };

/** Makes an account, and returns its id. */
async function addAccount(
  tx: Transaction,
  factor: Factor,
  {
    claimedPhone = null,
    inviteCode,
    isTest,
    now,
  }: { claimedPhone?: Phone | null | undefined; inviteCode: InviteCode; isTest: boolean; now: Date },
): Promise<number> {
  const id = await insertAccount(tx, {
    ...NO_FACTOR,
    ...factorColumns(factor),
    claimedPhone,
    inviteCode,
    createdAt: now,
    isTest,
  });
  const details = { ...channelOf(factor.recipient), ...(isTest && { isTest }) };
  recordEventByOwner(tx, id, { action: "account_created", details, now });
  publishFirstEvent(tx, id, { type: "account.created", data: { inviteCode, by: "owner" } }, now);
  return id;
}

const findAccountBy = (column: "phone" | "email") =>
  statement({
    params: { address: "text" },
    row: { id: "integer", phone: "text?", claimedPhone: "text?", isBlocked: "boolean", isTest: "boolean" },
    sql: `
      SELECT "id", "phone", "claimedPhone", "blockedAt" IS NOT NULL AS "isBlocked", "isTest"
      FROM "User" WHERE "${column}" = :address`,
  });
const FIND_ACCOUNT = { phone: findAccountBy("phone"), email: findAccountBy("email") };

type KnownAccount = NonNullable<Awaited<ReturnType<typeof findAccount>>>;

/** Returns the account that has this phone or mailbox as a factor, or null. */
async function findAccount(db: Queries, { kind, address }: Recipient) {
  return (await db.get(FIND_ACCOUNT[kind], { address })) ?? null;
}
