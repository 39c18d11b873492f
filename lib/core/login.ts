import { type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { provenFactorOf, shownPhone } from "./accounts";
import { recordOwnEvent } from "./audit";
import {
  type CheckCodeFailure,
  checkCode,
  getCodeStatus,
  giveTryBack,
  type RightCode,
  spendCode,
  spendProof,
} from "./challenges";
import { retryOnCollision } from "./collisions";
import { applyDueChanges } from "./delayed-changes";
import type { Email } from "./email";
import { drawInviteCode, type InviteCode } from "./invite-code";
import { findInviter, getInvite, recordActivation } from "./invites";
import { type Masked, maskPhone } from "./masking";
import { type Asker, type CodeOwner, rowKey, type TypedCode } from "./one-time-code";
import type { Phone } from "./phone";
import { PROOF_TTL_MS } from "./policy";
import {
  consume,
  type LimitFailure,
  networkCharges,
  refund,
  TAKEN_ANSWERS,
  TAKEN_ANSWERS_OF_NETWORK,
} from "./rate-limits";
import { emailRecipient, phoneRecipient, type Recipient } from "./recipient";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { IS_MAIL_OFFERED, type RequestCodeFailure, requestCode, type SendingOptions, type SentCode } from "./sending";

export interface Login {
  userId: number;
  /** Whether this login made the account, at once or by the proof that it began with. */
  created: boolean;
  /** What was proven by it. */
  proven: Recipient;
}

export type VerifyCodeFailure = CheckCodeFailure | LimitFailure | { name: "invite_unknown" };

/** Whose phone it is, and who had a code sent to it. */
interface PhoneLogin {
  phone: Phone;
  asker: Asker;
}

/** Whose mailbox it is, who had a code sent to it, and which phone the account says is its own. */
interface MailLogin {
  email: Email;
  phone: Phone;
  asker: Asker;
}

interface Options {
  now?: Date;
  /** Whether the invite was looked up before, for this very browser: then that costs nothing more. */
  isInviteSeen?: boolean;
  drawInvite?: () => InviteCode;
}

/** The code that a login by phone is waiting for. */
export function phoneLoginCode({ phone, asker }: PhoneLogin): CodeOwner {
  return { recipient: phoneRecipient(phone), purpose: "login", asker };
}

/** The code that a login by mail is waiting for. */
export function mailLoginCode({ email, asker }: Pick<MailLogin, "email" | "asker">): CodeOwner {
  return { recipient: emailRecipient(email), purpose: "login", asker };
}

/**
 * Opens the phone's account, or makes it, for whoever types the code that was sent. A new account activates `invite` in
 * the same transaction; an older one is left as it is. The invite is looked up first, so that an unknown one says
 * nothing of the code.
 */
export function verifyCode(
  who: PhoneLogin & { code: TypedCode; invite?: null },
  by: Requester,
  options?: Options,
): Promise<Result<Login, CheckCodeFailure>>;
export function verifyCode(
  who: PhoneLogin & { code: TypedCode; invite: InviteCode | null },
  by: Requester,
  options?: Options,
): Promise<Result<Login, VerifyCodeFailure>>;
export async function verifyCode(
  { code, invite = null, phone, asker }: PhoneLogin & { code: TypedCode; invite?: InviteCode | null },
  by: Requester,
  options: Options = {},
): Promise<Result<Login, VerifyCodeFailure>> {
  const opening = { code, invite, identity: { phone } };
  const opened = await openAccount(phoneLoginCode({ phone, asker }), opening, by, options);
  return opened.ok ? succeed({ ...opened.value, proven: phoneRecipient(phone) }) : opened;
}

/**
 * As `verifyCode`, but what it leaves is a proof, good for one `logInByProof` within `PROOF_TTL_MS`. It belongs to `next`:
 * whoever still asks in the old name has nothing left.
 */
export async function proveCode(
  { code, phone, asker, next }: PhoneLogin & { code: TypedCode; next: Asker },
  by: Requester,
  options: Options = {},
): Promise<Result<null, CheckCodeFailure>> {
  const leaveProof = (tx: Writer, right: RightCode, now: Date) =>
    spendCode(tx, right, now, { asker: next, provenUntil: new Date(now.getTime() + PROOF_TTL_MS) });
  const opened = await openAccount(
    phoneLoginCode({ phone, asker }),
    { code, invite: null, identity: { phone }, spend: leaveProof },
    by,
    options,
  );
  return opened.ok ? succeed(null) : opened;
}

/**
 * Logs in by the proof that `proveCode` left, or without one by the code, as `verifyCode` does. Fails with `code_missing`
 * when a code was sent and none is given.
 */
export async function logInByProof(
  { phone, asker, code = null }: PhoneLogin & { code?: TypedCode | null },
  by: Requester,
  now = new Date(),
): Promise<Result<Login, CheckCodeFailure | { name: "code_missing" }>> {
  const owner = phoneLoginCode({ phone, asker });
  await applyDueChanges(owner.recipient, now);
  const account = await write(async (tx) => {
    if (!(await spendProof(tx, owner, now))) return null;
    const proof = await tx.oneTimeCode.findUnique({ where: { recipient_purpose_asker: rowKey(owner) } });
    const known = await findAccount(tx, { phone });
    // The code made the account if both are of one moment.
    return known && { userId: known.id, created: known.createdAt.getTime() === proof?.usedAt?.getTime() };
  });
  if (account) return succeed({ ...account, proven: phoneRecipient(phone) });
  if (code) return verifyCode({ phone, asker, code }, by, { now });
  const status = await getCodeStatus(owner, by, now);
  return fail({ name: status?.state === "live" ? "code_missing" : "code_expired" });
}

function registrationCode({ phone, asker }: PhoneLogin): CodeOwner {
  return { recipient: phoneRecipient(phone), purpose: "registration", asker };
}

/**
 * Sends a code to a phone that has no account yet. That it has one is told, `phone_taken`, as often as one network and all
 * networks together may learn it. When either is spent, a taken phone is treated as a free one: the code is sent, and `register`
 * tells `phone_taken` after the right code. So a stranger who spends these answers keeps no other person from registering.
 */
export async function requestRegistrationCode(
  { phone, asker }: PhoneLogin,
  by: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "phone_taken" }>> {
  const { now = new Date() } = options;
  const budgets = [...networkCharges(TAKEN_ANSWERS_OF_NETWORK, by.network), { limit: TAKEN_ANSWERS, subject: "all" }];
  const isTold = await write(async (tx) => {
    const taken = await consume(tx, budgets, now);
    if (!taken.ok) return false;
    if ((await findUserId(tx, { phone })) !== null) return true;
    await refund(tx, taken.value);
    return false;
  });
  if (isTold) return fail({ name: "phone_taken" });
  return requestCode(registrationCode({ phone, asker }), by, options);
}

/**
 * Makes the account of a phone that has none, and activates `invite` in the same transaction. That the phone is taken is
 * told only to whoever types the right code.
 */
export async function register(
  { code, invite, phone, asker }: PhoneLogin & { code: TypedCode; invite: InviteCode | null },
  by: Requester,
  options: Options = {},
): Promise<Result<Login, VerifyCodeFailure | { name: "phone_taken" }>> {
  const opening = { code, invite, identity: { phone } };
  const opened = await openAccount(registrationCode({ phone, asker }), opening, by, options);
  if (!opened.ok) return opened;
  if (!opened.value.created) return fail({ name: "phone_taken" });
  return succeed({ ...opened.value, proven: phoneRecipient(phone) });
}

/**
 * Sends a code to the mailbox, as `requestCode` does. Whether the mailbox has an account plays no part, nor does its phone. Fails
 * with `mail_unavailable` where no mail can be sent.
 */
export async function requestMailCode(
  { email, asker }: Pick<MailLogin, "email" | "asker">,
  by: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  if (!IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
  return requestCode(mailLoginCode({ email, asker }), by, options);
}

/** The mailbox is that of an account with another phone, masked. */
export type PhoneMismatch = { name: "phone_mismatch"; phone: Masked };

/**
 * Opens the mailbox's account, or makes one that names the phone as its own without having proven it: the phone stays
 * open to the person who proves it, and opens nothing here. Fails with `phone_mismatch` after the right code when the account is
 * known by another phone; the code stays good for that one.
 */
export function verifyMailCode(
  who: MailLogin & { code: TypedCode; invite?: null },
  by: Requester,
  options?: Options,
): Promise<Result<Login, CheckCodeFailure | PhoneMismatch>>;
export function verifyMailCode(
  who: MailLogin & { code: TypedCode; invite: InviteCode | null },
  by: Requester,
  options?: Options,
): Promise<Result<Login, VerifyCodeFailure | PhoneMismatch>>;
export async function verifyMailCode(
  { code, invite = null, email, phone, asker }: MailLogin & { code: TypedCode; invite?: InviteCode | null },
  by: Requester,
  options: Options = {},
): Promise<Result<Login, VerifyCodeFailure | PhoneMismatch>> {
  const identity = { email, claimedPhone: phone };
  const refusal = (known: KnownAccount): PhoneMismatch | null => {
    const shown = shownPhone(known) as Phone | null;
    return shown === null || shown === phone ? null : { name: "phone_mismatch", phone: maskPhone(shown) };
  };
  const opened = await openAccount(mailLoginCode({ email, asker }), { code, invite, identity, refusal }, by, options);
  return opened.ok ? succeed({ ...opened.value, proven: emailRecipient(email) }) : opened;
}

/** What a code proves, and what a new account has of it. */
type Identity = { phone: Phone } | { email: Email; claimedPhone: Phone };

interface Opening<Invite, Refusal extends { name: string }> {
  identity: Identity;
  code: TypedCode;
  invite: Invite;
  /** Why the account that is there is not opened, though the code is right; the code stays good. */
  refusal?: (known: KnownAccount) => Refusal | null;
  /** Uses the code up, and says whether it was there. */
  spend?: (tx: Writer, right: RightCode, now: Date, charge: { isCharged: boolean }) => Promise<boolean>;
}

type Opened<Failure extends { name: string }> = Promise<Result<{ userId: number; created: boolean }, Failure>>;

/** Checks the code, then in one transaction uses it up and finds the account or makes it. */
async function openAccount<Refusal extends { name: string } = never>(
  owner: CodeOwner,
  opening: Opening<null, Refusal>,
  by: Requester,
  options: Options,
): Opened<CheckCodeFailure | Refusal>;
async function openAccount<Refusal extends { name: string } = never>(
  owner: CodeOwner,
  opening: Opening<InviteCode | null, Refusal>,
  by: Requester,
  options: Options,
): Opened<VerifyCodeFailure | Refusal>;
async function openAccount<Refusal extends { name: string } = never>(
  owner: CodeOwner,
  { identity, code, invite, refusal = () => null, spend = spendCode }: Opening<InviteCode | null, Refusal>,
  by: Requester,
  { now = new Date(), drawInvite = drawInviteCode, isInviteSeen = false }: Options,
): Opened<VerifyCodeFailure | Refusal> {
  if (invite && !isInviteSeen) {
    const found = await getInvite(invite, by, now);
    if (!found.ok) return found;
  }
  if (invite && isInviteSeen && !(await findInviter(readPrimary, invite))) return fail({ name: "invite_unknown" });
  const right = await checkCode(owner, code, by, now);
  if (!right.ok) return right;
  // A phone or mailbox that is another account's from now on opens that one.
  await applyDueChanges(owner.recipient, now);

  const open = async (tx: Writer): Opened<VerifyCodeFailure | Refusal> => {
    await giveTryBack(tx, right.value);
    const known = await findAccount(tx, identity);
    const refused = known && refusal(known);
    if (refused) return { ok: false, failure: refused };
    const inviter = !known && invite ? await findInviter(tx, invite) : null;
    if (!known && invite && !inviter) return fail({ name: "invite_unknown" });
    // A mail domain that catches all must not make accounts without end.
    const isCharged = !known && "email" in identity;
    if (!(await spend(tx, right.value, now, { isCharged }))) return fail({ name: "code_expired" });
    if (known) return succeed({ userId: known.id, created: false });

    const user = await tx.user.create({
      data: {
        ...identity,
        ...provenFactorOf({ recipient: owner.recipient, since: right.value.sentAt }),
        inviteCode: drawInvite(),
        createdAt: now,
      },
      select: { id: true },
    });
    await recordOwnEvent(tx, user.id, { action: "account_created", now });
    if (invite && inviter) {
      await recordActivation(tx, { inviteeId: user.id, inviterId: inviter.id, code: invite, now });
    }
    return succeed({ userId: user.id, created: true });
  };
  const opened = await retryOnCollision(() => write(open, { turn: invite && "who invited whom" }));
  if (invite && opened.ok && opened.value.created) countOutcome("activations", opened);
  return opened;
}

async function findUserId(db: Reader, identity: { phone: Phone }): Promise<number | null> {
  return (await findAccount(db, identity))?.id ?? null;
}

type KnownAccount = NonNullable<Awaited<ReturnType<typeof findAccount>>>;

function findAccount(db: Reader, identity: Identity) {
  const where = "phone" in identity ? { phone: identity.phone } : { email: identity.email };
  return db.user.findUnique({ where, select: { id: true, phone: true, claimedPhone: true, createdAt: true } });
}
