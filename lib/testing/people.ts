import { AccountGone, lockAccount } from "@/lib/core/accounts/accounts";
import { phoneLoginCode, requestMailCode, signInByEmail, signInByPhone } from "@/lib/core/accounts/sign-in";
import { type ChallengeKey, Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { getSeenInvite } from "@/lib/core/invites/look-up";
import { addSession, type ClientSession, type Session, type SessionKind } from "@/lib/core/sessions/sessions";
import { transact } from "@/lib/db/database";
import { accepted, type CodeMessage, refused, type Sender } from "@/lib/senders/sender";

let people = 0;

/** Returns a new phone each time, from a code range that belongs to no operator. */
export function freshPhone(): Phone {
  people += 1;
  return Phone.parse(`+7945${String(people).padStart(7, "0")}`);
}

let mailboxes = 0;

/** Returns a new mailbox each time. */
export function freshEmail(): Email {
  mailboxes += 1;
  return Email.parse(`person-${process.pid}-${mailboxes}@example.com`);
}

/** Returns a phone and a new holder: a browser that is going to log in to the phone's account. */
export function freshOwner(phone = freshPhone()): { phone: Phone; holder: Holder } {
  return { phone, holder: Holder.parse(crypto.randomUUID()) };
}

let networks = 0;

/** Returns a requester without a recognised browser, in a new network each time. */
export function anybody(): Requester {
  networks += 1;
  return { network: `test network ${networks}`, agent: null, browser: null };
}

/** Makes a sender that accepts a message when `send` resolves to true, and refuses it otherwise. */
export function senderOf(send: (message: CodeMessage) => Promise<boolean>): Sender {
  return { send: async (message) => ((await send(message)) ? accepted() : refused("in_a_test")) };
}

/** Requests a code for a login by phone and returns it. Throws an Error with the failure's name when no code is sent. */
export async function receiveCode(
  owner: { phone: Phone; holder: Holder },
  now = new Date(),
  requester = anybody(),
): Promise<OneTimeCode> {
  return receiveCodeOf(phoneLoginCode(owner), now, requester);
}

/** As `receiveCode`, for a challenge of any purpose. */
export async function receiveCodeOf(
  owner: ChallengeKey,
  now = new Date(),
  requester = anybody(),
): Promise<OneTimeCode> {
  let received = "";
  const sender = senderOf(async ({ code }) => {
    received = code;
    return true;
  });
  const { defer, done } = deferral();
  const sent = await requestCode(owner, requester, { now, sender, defer });
  if (!sent.ok) throw new Error(sent.failure.name);
  await done();
  return received as OneTimeCode;
}

/** Returns a `defer` that starts deferred tasks immediately, and a `done` that waits for them. */
export function deferral(): { defer: (task: () => Promise<void>) => void; done: () => Promise<unknown> } {
  const tasks: Promise<void>[] = [];
  return { defer: (task) => void tasks.push(task()), done: () => Promise.all(tasks) };
}

/** Returns the name of a result's failure, `none` for a success. */
export function failureOf(result: { ok: true } | { ok: false; failure: { name: string } }): string {
  return result.ok ? "none" : result.failure.name;
}

/** Returns the time `ms` milliseconds after `date`. */
export function after(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

/** Returns another code with as many digits. */
export function wrongCode(code: OneTimeCode): OneTimeCode {
  return code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)) as OneTimeCode;
}

/** Signs a person up by phone, with the invite code `invited` activated if it is given. Throws an Error with the failure's name. */
export async function signUp({
  phone = freshPhone(),
  invited = null,
  now = new Date(),
}: {
  phone?: Phone;
  invited?: InviteCode | null;
  now?: Date;
} = {}): Promise<{ userId: number; phone: Phone; inviteCode: InviteCode }> {
  const owner = freshOwner(phone);
  const code = await receiveCode(owner, now);
  const inviteCode = drawInviteCode();
  const invite = invited && (await getSeenInvite(invited));
  const login = await signInByPhone({ ...owner, code, invite }, anybody(), {
    now,
    drawInvite: () => inviteCode,
  });
  if (!login.ok) throw new Error(login.failure.name);
  return { userId: login.value.userId, phone, inviteCode };
}

/** Signs a person up by mail, with a claimed phone. Throws an Error with the failure's name. */
export async function signUpByMail({ email = freshEmail(), phone = freshPhone() } = {}): Promise<{
  userId: number;
  email: Email;
  phone: Phone;
}> {
  const caller = { email, phone, holder: Holder.parse(crypto.randomUUID()) };
  let received = "";
  const sender = senderOf(async ({ code }) => {
    received = code;
    return true;
  });
  const { defer, done } = deferral();
  await requestMailCode(caller, anybody(), { sender, defer });
  await done();
  const login = await signInByEmail({ ...caller, code: received as OneTimeCode }, anybody());
  if (!login.ok) throw new Error(login.failure.name);
  return { userId: login.value.userId, email, phone };
}

type Opening = Parameters<typeof addSession>[1];

/** Opens a browser's session for an account, as a sign-in does in its own transaction. Throws `AccountGone`. */
export function openSession(login: Opening, requester: Requester, now = new Date()): Promise<Session> {
  return openSessionOf("browser", login, requester, now);
}

/** As `openSession`, for a client application. */
export async function openClientSession(
  login: Opening,
  requester: Requester,
  now = new Date(),
): Promise<ClientSession> {
  return (await openSessionOf("client", login, requester, now)) as ClientSession;
}

function openSessionOf(kind: SessionKind, login: Opening, requester: Requester, now: Date): Promise<Session> {
  return transact(async (tx) => {
    if (!(await lockAccount(tx, login.userId, login.proven))) throw new AccountGone();
    return addSession(tx, login, { ...requester, browserId: requester.browser?.id ?? null }, kind, now);
  });
}
