import { keyedHash, keyedHashes } from "@/lib/core/keyed-hash";
import { IDEMPOTENCY_KEYS_KEPT_MS, IDEMPOTENT_REQUEST_MS_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { statement, type Transaction, transact } from "@/lib/db/database";

/** A request with an API key that must have its effect once, however often it is sent. */
export interface IdempotentRequest {
  /** The id of the API key. */
  keyId: number;
  /** The value of `Idempotency-Key`. */
  key: string;
  /** What makes the request the same: method, path and body. Only its keyed hash is stored, because it may have a phone. */
  content: string;
}

/** One attempt at such a request. `attempt` is its random name: only the attempt that began last may store the answer. */
export interface Attempt {
  keyId: number;
  key: string;
  attempt: string;
}

/** The answer to a request, as it is stored and sent again. It has neither secrets nor phones. */
export interface StoredAnswer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** Another attempt at the request has begun, because this one took too long. Thrown inside the transaction, it rolls it back. */
export class AttemptLost extends Error {}

const BEGIN = statement({
  params: { keyId: "integer", key: "text", requestHash: "text", attempt: "text", now: "time" },
  sql: `
    INSERT INTO "IdempotencyKey" ("keyId", "key", "requestHash", "attempt", "startedAt")
    VALUES (:keyId, :key, :requestHash, :attempt, :now) ON CONFLICT ("keyId", "key") DO NOTHING`,
});
const FIND = statement({
  params: { keyId: "integer", key: "text" },
  row: { requestHash: "text", attempt: "text", startedAt: "time", answer: "text?" },
  sql: `
    SELECT "requestHash", "attempt", "startedAt", "answer" FROM "IdempotencyKey"
    WHERE "keyId" = :keyId AND "key" = :key`,
});
const TAKE_OVER = statement({
  params: { keyId: "integer", key: "text", requestHash: "text", before: "text", attempt: "text", now: "time" },
  sql: `
    UPDATE "IdempotencyKey"
    SET "requestHash" = :requestHash, "attempt" = :attempt, "startedAt" = :now, "answer" = NULL
    WHERE "keyId" = :keyId AND "key" = :key AND "attempt" = :before`,
});
const STORE = statement({
  params: { keyId: "integer", key: "text", attempt: "text", answer: "text" },
  sql: `
    UPDATE "IdempotencyKey" SET "answer" = :answer
    WHERE "keyId" = :keyId AND "key" = :key AND "attempt" = :attempt AND "answer" IS NULL`,
});
const FORGET = statement({
  params: { keyId: "integer", key: "text", attempt: "text" },
  sql: `
    DELETE FROM "IdempotencyKey"
    WHERE "keyId" = :keyId AND "key" = :key AND "attempt" = :attempt AND "answer" IS NULL`,
});

/** See `beginRequest`. */
export type BeginFailure = { name: "request_running" | "idempotency_key_reused" };

/**
 * Begins a request (draft-ietf-httpapi-idempotency-key-header). Returns the attempt, whose deed is done next; or the answer of the
 * first request, if that is done. Answers are kept for `IDEMPOTENCY_KEYS_KEPT_MS`. A request that has run for longer than
 * `IDEMPOTENT_REQUEST_MS_MAX` was lost with its server, and is begun again.
 *
 * Failures:
 * - `request_running`: an attempt at the same request runs now.
 * - `idempotency_key_reused`: the key was used for a request with another method, path or body.
 */
export function beginRequest(
  { keyId, key, content }: IdempotentRequest,
  now: Date,
): Promise<Result<{ attempt: Attempt } | { answer: StoredAnswer }, BeginFailure>> {
  type Begun = Result<{ attempt: Attempt } | { answer: StoredAnswer }, BeginFailure>;
  const attempt = { keyId, key, attempt: crypto.randomUUID() };
  const begun = { ...attempt, requestHash: keyedHash(content), now };
  return transact<Begun>(async (tx) => {
    if ((await tx.run(BEGIN, begun)) > 0) return succeed({ attempt });
    const row = await tx.get(FIND, { keyId, key });
    // The row was deleted after the insert met it: its attempt failed in this moment.
    if (!row) return fail({ name: "request_running" });
    const ageMs = now.getTime() - row.startedAt.getTime();
    const isOver = ageMs >= IDEMPOTENCY_KEYS_KEPT_MS;
    if (!isOver && !keyedHashes(content).includes(row.requestHash)) return fail({ name: "idempotency_key_reused" });
    if (!isOver && row.answer !== null) return succeed({ answer: JSON.parse(row.answer) as StoredAnswer });
    const isLost = ageMs >= IDEMPOTENT_REQUEST_MS_MAX;
    const isTaken = isLost && (await tx.run(TAKE_OVER, { ...begun, before: row.attempt })) > 0;
    return isTaken ? succeed({ attempt }) : fail({ name: "request_running" });
  });
}

/**
 * Stores the answer, in the transaction of the deed: after a crash there are both or neither. Throws `AttemptLost` if another attempt
 * has begun, so that of two attempts one at most has its effect.
 */
export async function storeAnswer(tx: Transaction, attempt: Attempt, answer: StoredAnswer): Promise<void> {
  if ((await tx.run(STORE, { ...attempt, answer: JSON.stringify(answer) })) === 0) throw new AttemptLost();
}

/** Ends an attempt that had no effect, so that the key can be used again. Does nothing if the answer is stored. */
export async function forgetRequest(attempt: Attempt): Promise<void> {
  await transact(async (tx) => tx.queue(FORGET, { ...attempt }));
}
