import { createRequire } from "node:module";
import { AccountGone, lockAccount } from "@/lib/core/accounts/accounts";
import { phoneLoginCode, requestMailCode, signInByEmail, signInByPhone } from "@/lib/core/accounts/sign-in";
import { backgroundTasks } from "@/lib/core/background";
import { type ChallengeKey, Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { addSession, type ClientSession, type Session, type SessionKind } from "@/lib/core/sessions/sessions";
import { transact, write } from "@/lib/db/database";
import { env, isPostgresUrl } from "@/lib/env";
import { log } from "@/lib/ops/log";
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

// Through `require`, for what both drivers export is what their adapters have.
const require = createRequire(import.meta.url);

/**
 * What was asked of the database while `work` ran, one text for each statement, in their order, be it by a prepared statement or by
 * Prisma; BEGIN, COMMIT and the like as well.
 */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const kept: (() => void)[] = [];
  const listen = (driver: Record<string, unknown>, method: string, textOf: (self: never, query: never) => string) => {
    const original = driver[method] as (...args: unknown[]) => unknown;
    driver[method] = function (this: never, ...args: unknown[]) {
      statements.push(textOf(this, args[0] as never));
      return original.apply(this, args);
    };
    kept.push(() => (driver[method] = original));
  };
  if (isPostgresUrl(env.DATABASE_URL)) {
    const textOf = (_: never, query: string | { text: string }) => (typeof query === "string" ? query : query.text);
    listen(require("pg").Client.prototype, "query", textOf);
  } else {
    const prototype = Object.getPrototypeOf(new (require("better-sqlite3"))(":memory:").prepare("SELECT 1"));
    const textOf = (self: { source: string }) => self.source;
    for (const method of ["all", "get", "run"]) listen(prototype, method, textOf);
  }
  try {
    await work();
  } finally {
    for (const restore of kept) restore();
  }
  return statements;
}

/**
 * How many statements and transactions `work` takes, and on PostgreSQL how often it waits for the server: statements that go out
 * together make one round trip, of which SQLite has none.
 */
export async function costOf(work: () => Promise<unknown>): Promise<{
  statements: number;
  transactions: number;
  roundTrips: number;
}> {
  let [roundTrips, underWay] = [0, 0];
  const all = await statementsOf(async () => {
    if (!isPostgresUrl(env.DATABASE_URL)) return work();
    const prototype = require("pg").Client.prototype;
    const { query } = prototype;
    prototype.query = function (...args: unknown[]) {
      if (underWay === 0) roundTrips += 1;
      underWay += 1;
      const end = () => {
        underWay -= 1;
      };
      // The pool gives a callback, and gets no promise.
      const answer: Promise<unknown> | undefined = query.apply(this, args);
      answer ? answer.then(end, end) : setImmediate(end);
      return answer;
    };
    try {
      await work();
    } finally {
      prototype.query = query;
    }
  });
  const isOfTransaction = (text: string) => /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)/.test(text);
  const statements = all.filter((text) => !isOfTransaction(text)).length;
  return { statements, transactions: all.filter((text) => text.startsWith("BEGIN")).length, roundTrips };
}

class Undone extends Error {}

type Begin = <Value>(fn: (tx: never) => Promise<Value>, turn?: number | null) => Promise<Value>;

/** Runs `work` with what `wrap` makes of each way to begin a transaction. */
async function withBegin<Value>(wrap: (begin: Begin) => Begin, work: () => Promise<Value>): Promise<Value> {
  await write(async () => undefined);
  await backgroundTasks();
  const connections = (globalThis as { sarafanConnections?: Record<"write" | "transact", Begin> }).sarafanConnections;
  if (!connections) throw new Error("the connections to the database are kept elsewhere");
  const kept = { ...connections };
  connections.write = wrap(kept.write);
  connections.transact = wrap(kept.transact);
  try {
    return await work();
  } finally {
    Object.assign(connections, kept);
  }
}

/**
 * Runs `work` with every transaction undone at its first attempt and run again, as after a deadlock. Whatever a transaction does
 * outside the database happens twice then, or not at all.
 */
export function withEachWriteRunAgain<Value>(work: () => Promise<Value>): Promise<Value> {
  const runTwice =
    (begin: Begin): Begin =>
    async (fn, turn) => {
      const undone = begin(async (tx) => {
        await fn(tx);
        throw new Undone();
      }, turn);
      await undone.catch((error) => {
        if (!(error instanceof Undone)) throw error;
      });
      return begin(fn, turn);
    };
  return withBegin(runTwice, work);
}

/** What a transaction throws that `withCrashAfter` has undone. */
export class Crash extends Error {}

/** Runs `work` with the first so many transactions committed, and each later one undone when it has done its work, as by a crash. */
export function withCrashAfter<Value>(writes: number, work: () => Promise<Value>): Promise<Value> {
  let begun = 0;
  const crash =
    (begin: Begin): Begin =>
    (fn, turn) => {
      begun += 1;
      if (begun <= writes) return begin(fn, turn);
      return begin(async (tx) => {
        await fn(tx);
        throw new Crash();
      }, turn);
    };
  return withBegin(crash, work);
}

/** Runs `work` with each transaction refused as by a database that is locked or away. */
export function withoutWrites<Value>(work: () => Promise<Value>): Promise<Value> {
  const away = () => Object.assign(new Error("a write did not end"), { name: "TransactionTimeout" });
  return withBegin(() => () => Promise.reject(away()), work);
}

/** Has the next request begin to sweep, as if a minute had gone by. */
export function letSweep(): void {
  (globalThis as { sarafanSweptAt?: Map<string, number> }).sarafanSweptAt?.delete("tables");
}

/** The warnings that `work` writes to the log. */
export async function warningsOf(work: () => Promise<unknown>): Promise<{ message: string; about: unknown }[]> {
  const warnings: { message: string; about: unknown }[] = [];
  const { warn } = log;
  log.warn = (about: unknown, message = "") => void warnings.push({ message, about });
  try {
    await work();
  } finally {
    log.warn = warn;
  }
  return warnings;
}

/** The messages of the errors that `work` writes to the log. */
export async function errorsOf(work: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = [];
  const { error } = log;
  log.error = (_: unknown, message = "") => void errors.push(message);
  try {
    await work();
  } finally {
    log.error = error;
  }
  return errors;
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
