import { CODE_TTL_MS, PROOF_TTL_MS, TRIES_PER_CODE } from "@/lib/core/policy";
import { CLOCK_SKEW_MS_MAX, type Queries, statement, type Transaction } from "@/lib/db/database";
import type { ChallengeKey, Holder, OneTimeCode } from "./one-time-code";
import { sealCode } from "./one-time-code";
import { isInSchedule } from "./resend-schedule";

/** The latest end of a code that was sent by now, at a clock that is right within `CLOCK_SKEW_MS_MAX`. */
const latestExpiry = (now: Date) => new Date(now.getTime() + CODE_TTL_MS + CLOCK_SKEW_MS_MAX);

/** The same for the end of a verified code. */
const latestVerifiedEnd = (now: Date) => new Date(now.getTime() + PROOF_TTL_MS + CLOCK_SKEW_MS_MAX);

/**
 * What a challenge can be: the last code that one holder had sent to one recipient for one purpose.
 *
 * - `sending`: the code is stored and was handed to the channels, and none has answered. It can be typed, because it may have
 *   arrived. The challenge as it was before is kept in `before`.
 * - `live`: a channel has taken the code, or may have.
 * - `verified`: the right code was typed, and stands for one sign-in until `verifiedUntil`.
 * - `used`: the code is worth nothing any more.
 *
 * Time and tries make a code void without a change of its row: see `statusOf`.
 */
type State = "sending" | "live" | "verified" | "used";

/** What moves a challenge: from which states, and to which. Each is one function below. */
export const TRANSITIONS = {
  /** A new code takes the last one's place. A recipient's first challenge begins with it. */
  begin: { from: ["sending", "live", "verified", "used"], to: "sending" },
  /** A channel took the code, or may have. */
  accept: { from: ["sending"], to: "live" },
  /** No channel took the code: what was before comes back. Where that is no good code, a mailbox's new one stays. */
  abandon: { from: ["sending"], to: "live" },
  /** A code is typed: one try less is left. */
  attempt: { from: ["sending", "live"], to: null },
  /** The right code was typed, for a sign-in that is still to come. */
  verify: { from: ["sending", "live"], to: "verified" },
  /** The right code was typed and is used. */
  consume: { from: ["sending", "live"], to: "used" },
  /** The sign-in has come that a verified code stood for. */
  redeem: { from: ["verified"], to: "used" },
} as const satisfies Record<string, { from: readonly State[]; to: State | null }>;

type Transition = keyof typeof TRANSITIONS;
const isFrom = (transition: Transition) =>
  `"state" IN (${TRANSITIONS[transition].from.map((state) => `'${state}'`).join(", ")})`;
const becomes = (transition: Exclude<Transition, "attempt">) => `"state" = '${TRANSITIONS[transition].to}'`;

const KEY = { recipient: "text", purpose: "text", holder: "text" } as const;
const HAS_KEY = `"recipient" = :recipient AND "purpose" = :purpose AND "holder" = :holder`;

const COLUMNS = {
  state: "text",
  codeHmac: "text?",
  digits: "integer",
  tries: "integer",
  expiresAt: "time",
  verifiedUntil: "time?",
  madeAccount: "boolean",
  sentAt: "time",
  sends: "integer",
  sendsSince: "time",
  deliveryAt: "time?",
  network: "text?",
  before: "text?",
} as const;
const COLUMN_LIST = Object.keys(COLUMNS)
  .map((name) => `"Challenge"."${name}"`)
  .join(", ");

const FIND = statement({ params: KEY, row: COLUMNS, sql: `SELECT ${COLUMN_LIST} FROM "Challenge" WHERE ${HAS_KEY}` });

type Row = NonNullable<Awaited<ReturnType<typeof findRow>>>;
const findRow = (db: Queries, key: ChallengeKey) => db.get(FIND, paramsOf(key));

/** A challenge as it is stored. */
export interface Challenge extends Omit<Row, "state"> {
  state: State;
}

/** The address says whose challenge it is: no phone is spelt like a mailbox. */
function paramsOf({ recipient, purpose, holder }: ChallengeKey) {
  return { recipient: recipient.address, purpose, holder };
}

function challengeOf(row: Row): Challenge {
  return { ...row, state: row.state as State };
}

/** The challenge, or undefined where no code was sent. */
export async function findChallenge(db: Queries, key: ChallengeKey): Promise<Challenge | undefined> {
  const row = await findRow(db, key);
  return row && challengeOf(row);
}

const LOCK = statement({
  params: { ...KEY, now: "time" },
  row: COLUMNS,
  sql: `
    INSERT INTO "Challenge" ("recipient", "purpose", "holder", "state", "digits", "expiresAt", "sentAt", "sends", "sendsSince")
    VALUES (:recipient, :purpose, :holder, 'sending', 0, :now, :now, 0, :now)
    ON CONFLICT ("recipient", "purpose", "holder") DO UPDATE SET "sends" = "Challenge"."sends"
    RETURNING ${COLUMN_LIST}`,
});

/**
 * Locks the challenge's row, so that parallel requests for one challenge run one after the other, and returns the challenge; a
 * new one has no `codeHmac`. The transaction has to store a code, or to be rolled back.
 */
export async function lockChallenge(tx: Transaction, key: ChallengeKey, now: Date): Promise<Challenge> {
  const row = await tx.get(LOCK, { ...paramsOf(key), now });
  if (!row) throw new Error("the row of a challenge was not locked");
  return challengeOf(row);
}

const BEGIN = statement({
  params: {
    ...KEY,
    codeHmac: "text",
    digits: "integer",
    expiresAt: "time",
    now: "time",
    sends: "integer",
    sendsSince: "time",
    network: "text?",
    before: "text?",
  },
  sql: `
    UPDATE "Challenge" SET ${becomes("begin")}, "codeHmac" = :codeHmac, "digits" = :digits, "tries" = 0,
      "expiresAt" = :expiresAt, "verifiedUntil" = NULL, "madeAccount" = FALSE, "sentAt" = :now, "sends" = :sends,
      "sendsSince" = :sendsSince, "deliveryAt" = :now, "network" = :network, "before" = :before
    WHERE ${HAS_KEY} AND ${isFrom("begin")}`,
});

/** A code that was stored and is being sent. */
export interface Sending {
  key: ChallengeKey;
  code: OneTimeCode;
  codeHmac: string;
}

/**
 * Stores a new code in place of the last one, which can't be typed from here on: two live codes would double the chance of a
 * guess. `network` is the one whose hourly codes it was charged to. The transaction has locked `last`.
 */
export function beginSending(
  tx: Transaction,
  key: ChallengeKey,
  last: Challenge,
  { code, network, now }: { code: OneTimeCode; network: string | null; now: Date },
): Sending {
  const codeHmac = sealCode(code, key);
  const isNext = isInSchedule(last, now);
  const stored = {
    codeHmac,
    digits: code.length,
    expiresAt: new Date(now.getTime() + CODE_TTL_MS),
    sends: isNext ? last.sends + 1 : 1,
    sendsSince: isNext ? last.sendsSince : now,
    network,
  };
  const before = last.codeHmac === null ? null : keep(last);
  tx.queue(BEGIN, { ...paramsOf(key), ...stored, now, before });
  return { key, code, codeHmac };
}

const ACCEPT = statement({
  params: { ...KEY, codeHmac: "text" },
  sql: `
    UPDATE "Challenge" SET ${becomes("accept")}, "before" = NULL
    WHERE ${HAS_KEY} AND ${isFrom("accept")} AND "codeHmac" = :codeHmac`,
});

/** The code was taken by a channel, or may have been. */
export async function acceptSending(tx: Transaction, { key, codeHmac }: Sending): Promise<void> {
  if ((await tx.run(ACCEPT, { ...paramsOf(key), codeHmac })) > 0) return;
  await settleEarlier(tx, { key, codeHmac }, (own) => keep({ ...own, state: TRANSITIONS.accept.to, before: null }));
}

const LOCK_SENDING = statement({
  params: KEY,
  row: { codeHmac: "text?", before: "text?" },
  sql: `UPDATE "Challenge" SET "sends" = "sends" WHERE ${HAS_KEY} AND ${isFrom("abandon")} RETURNING "codeHmac", "before"`,
});
const REPLACE_BEFORE = statement({
  params: { ...KEY, before: "text?" },
  sql: `UPDATE "Challenge" SET "before" = :before WHERE ${HAS_KEY} AND ${isFrom("abandon")}`,
});

/**
 * Notes what became of a code while a later one is being sent: `settled` makes of the challenge that was kept with the code the one
 * that comes back where the later code is not taken.
 */
async function settleEarlier(
  tx: Transaction,
  { key, codeHmac }: Pick<Sending, "key" | "codeHmac">,
  settled: (own: Challenge) => string | null,
): Promise<void> {
  const later = await tx.get(LOCK_SENDING, paramsOf(key));
  if (!later) return;
  const replaceIn = (kept: string | null): string | null => {
    if (kept === null) return null;
    const challenge = readKept(kept);
    if (challenge.codeHmac === codeHmac) return settled(challenge);
    return keep({ ...challenge, before: replaceIn(challenge.before) });
  };
  tx.queue(REPLACE_BEFORE, { ...paramsOf(key), before: replaceIn(later.before) });
}

/** A challenge as JSON, and what was before it inside. */
function keep(challenge: Challenge): string {
  return JSON.stringify({ ...challenge, before: challenge.before && JSON.parse(challenge.before) });
}

// When senders were handed a code last stays as it is: it was the one that no channel took.
const { deliveryAt: _, ...RESTORED } = COLUMNS;
const RESTORE = statement({
  params: { ...KEY, ...RESTORED },
  sql: `
    UPDATE "Challenge" SET ${Object.keys(RESTORED)
      .map((name) => `"${name}" = :${name}`)
      .join(", ")}
    WHERE ${HAS_KEY}`,
});
const KEEP_WITHOUT_WAIT = statement({
  params: { ...KEY, sends: "integer", sendsSince: "time" },
  sql: `
    UPDATE "Challenge" SET ${becomes("abandon")}, "sends" = :sends, "sendsSince" = :sendsSince, "before" = NULL
    WHERE ${HAS_KEY}`,
});
const REMOVE = statement({ params: KEY, sql: `DELETE FROM "Challenge" WHERE ${HAS_KEY}` });

/**
 * The code was taken by no channel: the wait that it began is over, and what was before comes back, unless a later code has taken
 * its place. A mailbox's code stays where there is no good one before it: its request was answered, and the page says that it was
 * not delivered.
 */
export async function abandonSending(tx: Transaction, { key, codeHmac }: Sending, now: Date): Promise<void> {
  const found = await tx.get(LOCK_SENDING, paramsOf(key));
  if (!found) return;
  if (found.codeHmac !== codeHmac) return settleEarlier(tx, { key, codeHmac }, (own) => own.before);
  const before = found.before === null ? null : readKept(found.before);
  const isBeforeGood = before !== null && isLive(before, now);
  if (before && (isBeforeGood || key.recipient.kind === "phone")) {
    const { deliveryAt, ...restored } = before;
    tx.queue(RESTORE, { ...paramsOf(key), ...restored });
  } else if (key.recipient.kind === "email") {
    tx.queue(KEEP_WITHOUT_WAIT, { ...paramsOf(key), sends: 0, sendsSince: now });
  } else {
    tx.queue(REMOVE, paramsOf(key));
  }
}

/** Reads what `keep` has made. */
function readKept(json: string): Challenge {
  const { before, verifiedUntil, deliveryAt, ...kept } = JSON.parse(json);
  const timeOf = (text: string | null) => (text === null ? null : new Date(text));
  return {
    ...kept,
    expiresAt: new Date(kept.expiresAt),
    verifiedUntil: timeOf(verifiedUntil),
    sentAt: new Date(kept.sentAt),
    sendsSince: new Date(kept.sendsSince),
    deliveryAt: timeOf(deliveryAt),
    before: before && JSON.stringify(before),
  };
}

const ATTEMPT = statement({
  params: { ...KEY, now: "time", latestExpiry: "time", needed: "integer" },
  row: { codeHmac: "text", digits: "integer", tries: "integer", sentAt: "time", network: "text?" },
  sql: `
    UPDATE "Challenge" SET "tries" = "tries" + 1
    WHERE ${HAS_KEY} AND ${isFrom("attempt")} AND "expiresAt" > :now AND "expiresAt" <= :latestExpiry
      AND "tries" < ${TRIES_PER_CODE} AND "digits" >= :needed
    RETURNING "codeHmac", "digits", "tries", "sentAt", "network"`,
});

/** A code that is compared with what was typed, and how many tries are left after this one. */
export interface Attempted {
  codeHmac: string;
  digits: number;
  sentAt: Date;
  network: string | null;
  triesLeft: number;
}

/** Takes one try of a code that is live and has at least `needed` digits; null where there is none. */
export async function attemptChallenge(
  tx: Transaction,
  key: ChallengeKey,
  needed: number,
  now: Date,
): Promise<Attempted | null> {
  const row = await tx.get(ATTEMPT, { ...paramsOf(key), needed, now, latestExpiry: latestExpiry(now) });
  if (!row) return null;
  const { tries, ...attempted } = row;
  return { ...attempted, triesLeft: TRIES_PER_CODE - tries };
}

const GIVE_TRY_BACK = statement({
  params: { ...KEY, codeHmac: "text" },
  sql: `
    UPDATE "Challenge" SET "tries" = "tries" - 1
    WHERE ${HAS_KEY} AND ${isFrom("attempt")} AND "codeHmac" = :codeHmac AND "tries" > 0`,
});

/** Gives the try of a right code back that opens nothing: the code stays as good as it was. */
export function giveTryBack(tx: Transaction, key: ChallengeKey, codeHmac: string): void {
  tx.queue(GIVE_TRY_BACK, { ...paramsOf(key), codeHmac });
}

const CONSUME = statement({
  params: { ...KEY, codeHmac: "text" },
  sql: `
    UPDATE "Challenge" SET ${becomes("consume")}, "sends" = 0, "network" = NULL, "before" = NULL
    WHERE ${HAS_KEY} AND ${isFrom("consume")} AND "codeHmac" = :codeHmac`,
});

/** Uses the code up, and says whether it was still there to be used: of parallel requests one has it. The wait ends with it. */
export async function consumeCode(tx: Transaction, key: ChallengeKey, codeHmac: string): Promise<boolean> {
  return (await tx.run(CONSUME, { ...paramsOf(key), codeHmac })) > 0;
}

const VERIFY = statement({
  params: { ...KEY, codeHmac: "text", next: "text", verifiedUntil: "time" },
  sql: `
    UPDATE "Challenge" SET ${becomes("verify")}, "holder" = :next, "verifiedUntil" = :verifiedUntil, "sends" = 0,
      "network" = NULL, "before" = NULL
    WHERE ${HAS_KEY} AND ${isFrom("verify")} AND "codeHmac" = :codeHmac`,
});

/**
 * Has the code stand for one sign-in until `verifiedUntil`, and says whether it was still there. The challenge is `next`'s from
 * then on: a request in the old holder's name finds nothing.
 */
export async function keepVerified(
  tx: Transaction,
  key: ChallengeKey,
  codeHmac: string,
  { next, verifiedUntil }: { next: Holder; verifiedUntil: Date },
): Promise<boolean> {
  return (await tx.run(VERIFY, { ...paramsOf(key), codeHmac, next, verifiedUntil })) > 0;
}

const NOTE_ACCOUNT = statement({
  params: KEY,
  sql: `UPDATE "Challenge" SET "madeAccount" = TRUE WHERE ${HAS_KEY}`,
});

/** Notes that the code's verification made the account, for the sign-in that is still to come. */
export function noteMadeAccount(tx: Transaction, key: ChallengeKey): void {
  tx.queue(NOTE_ACCOUNT, paramsOf(key));
}

const REDEEM = statement({
  params: { ...KEY, now: "time", latestEnd: "time" },
  row: { madeAccount: "boolean" },
  sql: `
    UPDATE "Challenge" SET ${becomes("redeem")}, "verifiedUntil" = NULL
    WHERE ${HAS_KEY} AND ${isFrom("redeem")} AND "verifiedUntil" > :now AND "verifiedUntil" <= :latestEnd
    RETURNING "madeAccount"`,
});

/** Uses a verified code up, and returns whether its verification made the account; null where there is none. */
export async function redeemVerified(tx: Transaction, key: ChallengeKey, now: Date) {
  return (await tx.get(REDEEM, { ...paramsOf(key), now, latestEnd: latestVerifiedEnd(now) })) ?? null;
}

/**
 * How things stand with a code now, where codes need `needed` digits. `outgrown`: so many wrong codes were typed for its
 * recipient, or in the requester's network, that it would have to be longer. `spent`: too many wrong codes were typed for it. All
 * but `live` and `verified` need a new code.
 */
export function statusOf(
  challenge: Challenge,
  needed: number,
  now: Date,
): "live" | "expired" | "spent" | "outgrown" | "used" | "verified" {
  const { state, verifiedUntil, digits, tries } = challenge;
  if (state === "verified") {
    const isGood = verifiedUntil !== null && verifiedUntil > now && verifiedUntil <= latestVerifiedEnd(now);
    return isGood ? "verified" : "used";
  }
  if (state === "used") return "used";
  if (digits < needed) return "outgrown";
  if (!isLive(challenge, now)) return "expired";
  return tries >= TRIES_PER_CODE ? "spent" : "live";
}

/** Whether the code may be typed and its time is not over. One that lives longer than any was made by a clock that ran ahead. */
function isLive({ state, expiresAt }: Challenge, now: Date): boolean {
  return (state === "sending" || state === "live") && expiresAt > now && expiresAt <= latestExpiry(now);
}
