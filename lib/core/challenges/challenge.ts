import { CLOCK_SKEW_MS_MAX, CODE_TTL_MS, PROOF_TTL_MS, TRIES_PER_CODE } from "@/lib/core/policy";
import { type Queries, type RowOf, statement, type Transaction } from "@/lib/db/database";
import type { ChallengeKey, Holder, OneTimeCode } from "./one-time-code";
import { sealCode } from "./one-time-code";
import { isInSchedule } from "./resend-schedule";

/** The latest `expiresAt` of a code sent by `now`: servers' clocks may differ by `CLOCK_SKEW_MS_MAX`. */
const latestExpiry = (now: Date) => new Date(now.getTime() + CODE_TTL_MS + CLOCK_SKEW_MS_MAX);

/** The latest `verifiedUntil` of a code verified by `now`, with the same difference of clocks. */
const latestVerifiedEnd = (now: Date) => new Date(now.getTime() + PROOF_TTL_MS + CLOCK_SKEW_MS_MAX);

/**
 * The states of a challenge, which is the last code that one holder had sent to one recipient for one purpose.
 *
 * - `sending`: the code is stored and was handed to the channels, and no channel has answered. It can be typed, because it may
 *   have arrived. The column `before` holds the challenge as it was before this code.
 * - `live`: a channel accepted the code, or may have accepted it.
 * - `verified`: the right code was typed. It stands for one sign-in until `verifiedUntil`.
 * - `used`: the code is no longer valid.
 *
 * A code also becomes invalid when its time is over or its attempts are used up. Neither changes the row: see `statusOf`.
 */
type State = "sending" | "live" | "verified" | "used";

/**
 * The transitions of a challenge: the states that a transition starts from, and the state that it leads to (null: the same
 * state). One function below carries out each transition, and says when: `beginSending`, `acceptSending`, `abandonSending`,
 * `attemptChallenge`, `keepVerified`, `consumeCode`, `redeemVerified`.
 */
export const TRANSITIONS = {
  begin: { from: ["sending", "live", "verified", "used"], to: "sending" },
  accept: { from: ["sending"], to: "live" },
  abandon: { from: ["sending"], to: "live" },
  attempt: { from: ["sending", "live"], to: null },
  verify: { from: ["sending", "live"], to: "verified" },
  consume: { from: ["sending", "live"], to: "used" },
  redeem: { from: ["verified"], to: "used" },
} as const satisfies Record<string, { from: readonly State[]; to: State | null }>;

type Transition = keyof typeof TRANSITIONS;
/** SQL that checks the state from which a transition starts, and SQL that sets the state to which it leads. */
const fromSql = (transition: Transition) =>
  `"state" IN (${TRANSITIONS[transition].from.map((state) => `'${state}'`).join(", ")})`;
const toSql = (transition: Exclude<Transition, "attempt">) => `"state" = '${TRANSITIONS[transition].to}'`;

const KEY_PARAMS = { recipient: "text", purpose: "text", holder: "text" } as const;
const KEY_SQL = `"recipient" = :recipient AND "purpose" = :purpose AND "holder" = :holder`;

const CHALLENGE_COLUMNS = {
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
const CHALLENGE_COLUMNS_SQL = Object.keys(CHALLENGE_COLUMNS)
  .map((name) => `"Challenge"."${name}"`)
  .join(", ");

const FIND_CHALLENGE = statement({
  params: KEY_PARAMS,
  row: CHALLENGE_COLUMNS,
  sql: `SELECT ${CHALLENGE_COLUMNS_SQL} FROM "Challenge" WHERE ${KEY_SQL}`,
});

/** A row of the table `Challenge`. */
export type Challenge = RowOf<typeof FIND_CHALLENGE> & { state: State };

/** Returns the key as statement parameters. The address tells the recipient's kind: no phone is spelt like a mailbox. */
function sqlParamsOf({ recipient, purpose, holder }: ChallengeKey) {
  return { recipient: recipient.address, purpose, holder };
}

/** Returns the challenge, or undefined if no code was sent for this key. */
export async function findChallenge(db: Queries, key: ChallengeKey): Promise<Challenge | undefined> {
  return (await db.get(FIND_CHALLENGE, sqlParamsOf(key))) as Challenge | undefined;
}

const LOCK_CHALLENGE = statement({
  params: { ...KEY_PARAMS, now: "time" },
  row: CHALLENGE_COLUMNS,
  sql: `
    INSERT INTO "Challenge" ("recipient", "purpose", "holder", "state", "digits", "expiresAt", "sentAt", "sends", "sendsSince")
    VALUES (:recipient, :purpose, :holder, 'sending', 0, :now, :now, 0, :now)
    ON CONFLICT ("recipient", "purpose", "holder") DO UPDATE SET "sends" = "Challenge"."sends"
    RETURNING ${CHALLENGE_COLUMNS_SQL}`,
});

/**
 * Locks the challenge's row, so that parallel requests for one challenge run one after the other, and returns the challenge.
 * Inserts the row if it doesn't exist; its `codeHmac` is null then. The caller must store a code in the same transaction or
 * roll the transaction back, so that no row without a code remains.
 */
export async function lockChallenge(tx: Transaction, key: ChallengeKey, now: Date): Promise<Challenge> {
  const row = await tx.get(LOCK_CHALLENGE, { ...sqlParamsOf(key), now });
  if (!row) throw new Error("the row of a challenge was not locked");
  return row as Challenge;
}

const BEGIN_SENDING = statement({
  params: {
    ...KEY_PARAMS,
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
    UPDATE "Challenge" SET ${toSql("begin")}, "codeHmac" = :codeHmac, "digits" = :digits, "tries" = 0,
      "expiresAt" = :expiresAt, "verifiedUntil" = NULL, "madeAccount" = FALSE, "sentAt" = :now, "sends" = :sends,
      "sendsSince" = :sendsSince, "deliveryAt" = :now, "network" = :network, "before" = :before
    WHERE ${KEY_SQL} AND ${fromSql("begin")}`,
});

/** A code that is stored and being sent. */
export interface Sending {
  key: ChallengeKey;
  code: OneTimeCode;
  codeHmac: string;
}

/**
 * Replaces the last code by a new one, in state `sending`. The last code can't be typed from now on, because two live codes
 * would double the chance of a guess. The caller has read `last` with `lockChallenge`. `network` is the network whose hourly
 * sends were charged; null if a recognised browser's own limit was charged.
 */
export function beginSending(
  tx: Transaction,
  key: ChallengeKey,
  last: Challenge,
  { code, network, now }: { code: OneTimeCode; network: string | null; now: Date },
): Sending {
  const codeHmac = sealCode(code, key);
  const isNext = isInSchedule(last, now);
  tx.queue(BEGIN_SENDING, {
    ...sqlParamsOf(key),
    codeHmac,
    digits: code.length,
    expiresAt: new Date(now.getTime() + CODE_TTL_MS),
    now,
    sends: isNext ? last.sends + 1 : 1,
    sendsSince: isNext ? last.sendsSince : now,
    network,
    before: last.codeHmac === null ? null : toJson(last),
  });
  return { key, code, codeHmac };
}

const ACCEPT_SENDING = statement({
  params: { ...KEY_PARAMS, codeHmac: "text" },
  sql: `
    UPDATE "Challenge" SET ${toSql("accept")}, "before" = NULL
    WHERE ${KEY_SQL} AND ${fromSql("accept")} AND "codeHmac" = :codeHmac`,
});

/**
 * Moves a code from `sending` to `live`, because a channel accepted the code or may have accepted it. If a later code is being
 * sent by now, updates the earlier code's copy in the column `before` instead.
 */
export async function acceptSending(tx: Transaction, { key, codeHmac }: Sending): Promise<void> {
  if ((await tx.run(ACCEPT_SENDING, { ...sqlParamsOf(key), codeHmac })) > 0) return;
  await settleEarlier(tx, { key, codeHmac }, (earlier) =>
    toJson({ ...earlier, state: TRANSITIONS.accept.to, before: null }),
  );
}

const LOCK_SENDING_CHALLENGE = statement({
  params: KEY_PARAMS,
  row: { codeHmac: "text?", before: "text?" },
  sql: `
    UPDATE "Challenge" SET "sends" = "sends" WHERE ${KEY_SQL} AND ${fromSql("abandon")}
    RETURNING "codeHmac", "before"`,
});
const REPLACE_EARLIER_CHALLENGE = statement({
  params: { ...KEY_PARAMS, before: "text?" },
  sql: `UPDATE "Challenge" SET "before" = :before WHERE ${KEY_SQL} AND ${fromSql("abandon")}`,
});

/**
 * Updates an earlier challenge inside the column `before` while a later code is being sent. `settled` gets the earlier
 * challenge and returns the JSON that replaces it; `abandonSending` restores that JSON if no channel accepts the later code.
 * Does nothing if no code is being sent.
 */
async function settleEarlier(
  tx: Transaction,
  { key, codeHmac }: Pick<Sending, "key" | "codeHmac">,
  settled: (earlier: Challenge) => string | null,
): Promise<void> {
  const later = await tx.get(LOCK_SENDING_CHALLENGE, sqlParamsOf(key));
  if (!later) return;
  const replaceIn = (kept: string | null): string | null => {
    if (kept === null) return null;
    const challenge = fromJson(kept);
    if (challenge.codeHmac === codeHmac) return settled(challenge);
    return toJson({ ...challenge, before: replaceIn(challenge.before) });
  };
  tx.queue(REPLACE_EARLIER_CHALLENGE, { ...sqlParamsOf(key), before: replaceIn(later.before) });
}

/** Returns the challenge as JSON for the column `before`. The challenge's own `before` is nested in it as an object. */
function toJson(challenge: Challenge): string {
  return JSON.stringify({ ...challenge, before: challenge.before && JSON.parse(challenge.before) });
}

// The column `deliveryAt` is not restored: it belongs to the last message, the one that no channel accepted.
const { deliveryAt: _, ...RESTORED_COLUMNS } = CHALLENGE_COLUMNS;
const RESTORE_EARLIER_CHALLENGE = statement({
  params: { ...KEY_PARAMS, ...RESTORED_COLUMNS },
  sql: `
    UPDATE "Challenge" SET ${Object.keys(RESTORED_COLUMNS)
      .map((name) => `"${name}" = :${name}`)
      .join(", ")}
    WHERE ${KEY_SQL}`,
});
const KEEP_CODE_WITHOUT_WAIT = statement({
  params: { ...KEY_PARAMS, sends: "integer", sendsSince: "time" },
  sql: `
    UPDATE "Challenge" SET ${toSql("abandon")}, "sends" = :sends, "sendsSince" = :sendsSince, "before" = NULL
    WHERE ${KEY_SQL}`,
});
const REMOVE_CHALLENGE = statement({ params: KEY_PARAMS, sql: `DELETE FROM "Challenge" WHERE ${KEY_SQL}` });

/**
 * Ends the sending of a code that no channel accepted. The challenge becomes what it was before, and the wait that this code
 * began ends. If a later code is being sent by now, updates only the copy in the column `before`.
 *
 * A mailbox keeps the new code, without a wait, if the earlier code is not live: the request for the new code was already
 * answered, and the page shows that the message was not delivered. For a phone without an earlier code, the row is deleted.
 */
export async function abandonSending(tx: Transaction, { key, codeHmac }: Sending, now: Date): Promise<void> {
  const found = await tx.get(LOCK_SENDING_CHALLENGE, sqlParamsOf(key));
  if (!found) return;
  if (found.codeHmac !== codeHmac) return settleEarlier(tx, { key, codeHmac }, (earlier) => earlier.before);
  const before = found.before === null ? null : fromJson(found.before);
  const isBeforeGood = before !== null && isLive(before, now);
  if (before && (isBeforeGood || key.recipient.kind === "phone")) {
    const { deliveryAt, ...restored } = before;
    tx.queue(RESTORE_EARLIER_CHALLENGE, { ...sqlParamsOf(key), ...restored });
  } else if (key.recipient.kind === "email") {
    tx.queue(KEEP_CODE_WITHOUT_WAIT, { ...sqlParamsOf(key), sends: 0, sendsSince: now });
  } else {
    tx.queue(REMOVE_CHALLENGE, sqlParamsOf(key));
  }
}

function fromJson(json: string): Challenge {
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

const USE_ATTEMPT = statement({
  params: { ...KEY_PARAMS, now: "time", latestExpiry: "time", needed: "integer", triesMax: "integer" },
  row: { codeHmac: "text", digits: "integer", tries: "integer", sentAt: "time", network: "text?" },
  sql: `
    UPDATE "Challenge" SET "tries" = "tries" + 1
    WHERE ${KEY_SQL} AND ${fromSql("attempt")} AND "expiresAt" > :now AND "expiresAt" <= :latestExpiry
      AND "tries" < :triesMax AND "digits" >= :needed
    RETURNING "codeHmac", "digits", "tries", "sentAt", "network"`,
});

/** A code to compare with the typed one. `tries` includes the current attempt. */
export type Attempted = RowOf<typeof USE_ATTEMPT>;

/** More attempts than a challenge can get. Attempts at a test number's fixed code have limits of their own. */
const UNLIMITED_TRIES = 2 ** 31 - 1;

/**
 * Uses one attempt of a live code that has at least `needed` digits. If there is no such code, changes nothing and returns
 * undefined. `isTest` says that the recipient is a test number: the attempts of one challenge have no limit then.
 */
export async function attemptChallenge(
  tx: Transaction,
  key: ChallengeKey,
  { needed, isTest, now }: { needed: number; isTest: boolean; now: Date },
): Promise<Attempted | undefined> {
  const triesMax = isTest ? UNLIMITED_TRIES : TRIES_PER_CODE;
  return tx.get(USE_ATTEMPT, { ...sqlParamsOf(key), needed, triesMax, now, latestExpiry: latestExpiry(now) });
}

const RESTORE_ATTEMPT = statement({
  params: { ...KEY_PARAMS, codeHmac: "text" },
  sql: `
    UPDATE "Challenge" SET "tries" = "tries" - 1
    WHERE ${KEY_SQL} AND ${fromSql("attempt")} AND "codeHmac" = :codeHmac AND "tries" > 0`,
});

/** Refunds the attempt of a right code that opened nothing. The code is as valid as before. */
export function restoreAttempt(tx: Transaction, key: ChallengeKey, codeHmac: string): void {
  tx.queue(RESTORE_ATTEMPT, { ...sqlParamsOf(key), codeHmac });
}

const CONSUME_CODE = statement({
  params: { ...KEY_PARAMS, codeHmac: "text" },
  sql: `
    UPDATE "Challenge" SET ${toSql("consume")}, "sends" = 0, "network" = NULL, "before" = NULL
    WHERE ${KEY_SQL} AND ${fromSql("consume")} AND "codeHmac" = :codeHmac`,
});

/**
 * Marks the code as used, and ends the wait for the next code. Returns whether the code could still be used: only one of
 * parallel requests gets true.
 */
export async function consumeCode(tx: Transaction, key: ChallengeKey, codeHmac: string): Promise<boolean> {
  return (await tx.run(CONSUME_CODE, { ...sqlParamsOf(key), codeHmac })) > 0;
}

const KEEP_VERIFIED_CODE = statement({
  params: { ...KEY_PARAMS, codeHmac: "text", next: "text", verifiedUntil: "time" },
  sql: `
    UPDATE "Challenge" SET ${toSql("verify")}, "holder" = :next, "verifiedUntil" = :verifiedUntil, "sends" = 0,
      "network" = NULL, "before" = NULL
    WHERE ${KEY_SQL} AND ${fromSql("verify")} AND "codeHmac" = :codeHmac`,
});

/**
 * Marks the code as verified until `verifiedUntil`, for one later sign-in, and moves the challenge to the holder `next`. The
 * old holder can't use the challenge any more. Returns whether the code could still be used.
 */
export async function keepVerified(
  tx: Transaction,
  key: ChallengeKey,
  codeHmac: string,
  { next, verifiedUntil }: { next: Holder; verifiedUntil: Date },
): Promise<boolean> {
  return (await tx.run(KEEP_VERIFIED_CODE, { ...sqlParamsOf(key), codeHmac, next, verifiedUntil })) > 0;
}

const RECORD_MADE_ACCOUNT = statement({
  params: KEY_PARAMS,
  sql: `UPDATE "Challenge" SET "madeAccount" = TRUE WHERE ${KEY_SQL}`,
});

/** Stores that the verification of this code made the account, for the result of the later sign-in. */
export function recordMadeAccount(tx: Transaction, key: ChallengeKey): void {
  tx.queue(RECORD_MADE_ACCOUNT, sqlParamsOf(key));
}

const REDEEM_VERIFIED_CODE = statement({
  params: { ...KEY_PARAMS, now: "time", latestEnd: "time" },
  row: { madeAccount: "boolean" },
  sql: `
    UPDATE "Challenge" SET ${toSql("redeem")}, "verifiedUntil" = NULL
    WHERE ${KEY_SQL} AND ${fromSql("redeem")} AND "verifiedUntil" > :now AND "verifiedUntil" <= :latestEnd
    RETURNING "madeAccount"`,
});

/**
 * Marks a verified code as used, and returns whether its verification made the account. Returns null if this key has no
 * verified code.
 */
export async function redeemVerified(tx: Transaction, key: ChallengeKey, now: Date) {
  return (await tx.get(REDEEM_VERIFIED_CODE, { ...sqlParamsOf(key), now, latestEnd: latestVerifiedEnd(now) })) ?? null;
}

/**
 * Returns whether the challenge's code can be typed now, or why not. `needed` is how many digits a code for this recipient
 * needs for this requester.
 *
 * - `live`: the code can be typed.
 * - `verified`: the code was typed, and stands for one sign-in.
 * - `outgrown`: it has fewer digits than `needed`, because of wrong codes for the recipient or from the requester's network.
 * - `spent`: all of its attempts were used.
 * - `expired`: its time is over.
 * - `used`: it opened an account or allowed a change, or its time as a verified code is over.
 *
 * In every state but `live` and `verified`, the person needs a new code.
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

/**
 * Returns whether the code is in a state to be typed and its time is not over. An expiry after `latestExpiry` was written by a
 * clock that ran ahead, and counts as over.
 */
function isLive({ state, expiresAt }: Challenge, now: Date): boolean {
  return (state === "sending" || state === "live") && expiresAt > now && expiresAt <= latestExpiry(now);
}
