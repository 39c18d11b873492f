import { AccountGone, lockAccount } from "@/lib/core/accounts/accounts";
import { phoneLoginCode, requestMailCode, signInByEmail, signInByPhone } from "@/lib/core/accounts/sign-in";
import { type ChallengeKey, Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { addSession, type ClientSession, type Session, type SessionKind } from "@/lib/core/sessions/sessions";
import { transact } from "@/lib/db/database";
import { accepted, type CodeMessage, refused, type Sender } from "@/lib/senders/sender";

let people = 0;

/** A phone of a code range that belongs to no operator, another one each time. */
export function freshPhone(): Phone {
  people += 1;
  return Phone.parse(`+7945${String(people).padStart(7, "0")}`);
}

let mailboxes = 0;

/** A mailbox that nobody has, another one each time. */
export function freshEmail(): Email {
  mailboxes += 1;
  return Email.parse(`person-${process.pid}-${mailboxes}@example.com`);
}

/** A browser that wants to log in to the phone's account. */
export function freshOwner(phone = freshPhone()): { phone: Phone; holder: Holder } {
  return { phone, holder: Holder.parse(crypto.randomUUID()) };
}

let networks = 0;

/** Somebody whom nobody knows, in a network of their own each time. */
export function anybody(): Requester {
  networks += 1;
  return { network: `test network ${networks}`, agent: null, browser: null };
}

/** A channel that takes as long as `send` does and accepts what `send` says. */
export function senderOf(send: (message: CodeMessage) => Promise<boolean>): Sender {
  return { send: async (message) => ((await send(message)) ? accepted() : refused("in_a_test")) };
}

/** Has a code for a login by phone sent and returns it, as the person reads it. Throws when none may be sent yet. */
export async function receiveCode(
  owner: { phone: Phone; holder: Holder },
  now = new Date(),
  by = anybody(),
): Promise<OneTimeCode> {
  return receiveCodeOf(phoneLoginCode(owner), now, by);
}

/** The same for any code. */
export async function receiveCodeOf(owner: ChallengeKey, now = new Date(), by = anybody()): Promise<OneTimeCode> {
  let received = "";
  const sender = senderOf(async ({ code }) => {
    received = code;
    return true;
  });
  const { defer, done } = deferral();
  const sent = await requestCode(owner, by, { now, sender, defer });
  if (!sent.ok) throw new Error(sent.failure.name);
  await done();
  return received as OneTimeCode;
}

/** What no answer waits for begins at once, and `done` waits for it. */
export function deferral(): { defer: (task: () => Promise<void>) => void; done: () => Promise<unknown> } {
  const tasks: Promise<void>[] = [];
  return { defer: (task) => void tasks.push(task()), done: () => Promise.all(tasks) };
}

/** The name of what went wrong, "none" when nothing did. */
export function failureOf(result: { ok: true } | { ok: false; failure: { name: string } }): string {
  return result.ok ? "none" : result.failure.name;
}

/** A time so many milliseconds later. */
export function after(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

/** A code of as many digits that is not this one. */
export function wrongCode(code: OneTimeCode): OneTimeCode {
  return code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)) as OneTimeCode;
}

/** A person with an account, `invited` by somebody's code or by nobody. */
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
  const login = await signInByPhone({ ...owner, code, invite: invited }, anybody(), {
    now,
    drawInvite: () => inviteCode,
  });
  if (!login.ok) throw new Error(login.failure.name);
  return { userId: login.value.userId, phone, inviteCode };
}

/** A person with an account by mail, who says that a phone is theirs. */
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
export function openSession(login: Opening, by: Requester, now = new Date()): Promise<Session> {
  return openSessionOf("browser", login, by, now);
}

/** The same for a client application. */
export async function openClientSession(login: Opening, by: Requester, now = new Date()): Promise<ClientSession> {
  return (await openSessionOf("client", login, by, now)) as ClientSession;
}

function openSessionOf(kind: SessionKind, login: Opening, by: Requester, now: Date): Promise<Session> {
  return transact(async (tx) => {
    if (!(await lockAccount(tx, login.userId, login.proven))) throw new AccountGone();
    return addSession(tx, login, { ...by, browserId: by.browser?.id ?? null }, kind, now);
  });
}
