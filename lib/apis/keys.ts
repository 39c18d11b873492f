import type { ApiKeyActor } from "@/lib/core/administration/actor";
import { type ApiKey, checkApiKey, countRequest, type Scope } from "@/lib/core/keys/api-keys";
import {
  type Attempt,
  AttemptLost,
  beginRequest,
  forgetRequest,
  type StoredAnswer,
  storeAnswer,
} from "@/lib/core/keys/idempotency";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readBearer } from "@/lib/http/authorization";
import { logError } from "@/lib/ops/log";
import { isDatabaseAway } from "@/lib/ops/outage";

/** The failures that each endpoint of an API for keys can have besides those of all APIs, with their status and sentence. */
export const KEY_FAILURES = {
  key_unknown: [401, "This is no API key of this service."],
  key_ended: [401, "The API key has ended."],
  key_revoked: [401, "The API key was revoked."],
  scope_missing: [403, "The API key lacks the scope of this request."],
  budget_spent: [429, "The API key has sent too many requests. Try again later."],
  idempotency_key_malformed: [400, "Idempotency-Key has 1 to 200 visible characters, in quotes or without."],
  request_running: [409, "A request with this Idempotency-Key is being answered."],
  idempotency_key_reused: [422, "This Idempotency-Key was used for another request."],
  if_match_malformed: [400, 'If-Match has an ETag such as "4f1a" in quotes, several with commas between, or *.'],
  if_match_missing: [428, "Send If-Match with the ETag that you have read, so that you overwrite no change of others."],
} as const satisfies Record<string, readonly [number, string]>;
export type KeyFailure = keyof typeof KEY_FAILURES;

/** A refusal: its name and further headers. `detail` replaces the sentence of `KEY_FAILURES`. */
export interface KeyRefusal {
  name: KeyFailure | "credentials_missing";
  headers?: Record<string, string>;
  retryAfterMs?: number;
  detail?: string;
}

/**
 * Finds the API key of a request, counts the request, and checks that the key has the scope. Only `Authorization: Bearer` is read.
 * Refusals have the challenge of RFC 6750 §3.1.
 */
export async function readKey(headers: Headers, scope: Scope): Promise<Result<ApiKey, KeyRefusal>> {
  const text = readBearer(headers);
  if (text === null) return fail({ name: "credentials_missing" });
  const found = await checkApiKey(text);
  if (!found.ok) return fail({ ...found.failure, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
  const counted = await countRequest(found.value);
  if (!counted.ok) return fail({ name: "budget_spent", retryAfterMs: counted.failure.retryAfterMs });
  if (found.value.scopes.includes(scope)) return found;
  return fail({
    name: "scope_missing",
    headers: { "WWW-Authenticate": `Bearer error="insufficient_scope", scope="${scope}"` },
    detail: `The API key lacks the scope ${scope}.`,
  });
}

/**
 * Reads `Idempotency-Key`: a string of RFC 9651 §3.3.3, or the same without its quotes, as many clients send it. Null without the
 * header. Other text fails with `idempotency_key_malformed`.
 */
export function readIdempotencyKey(headers: Headers): Result<string | null, { name: "idempotency_key_malformed" }> {
  const text = headers.get("idempotency-key");
  if (text === null) return succeed(null);
  const [, quoted, bare] = /^(?:"([!#-[\]-~]{1,200})"|([!#-+\--:<-[\]-~]{1,200}))$/.exec(text.trim()) ?? [];
  const key = quoted ?? bare;
  return key === undefined ? fail({ name: "idempotency_key_malformed" }) : succeed(key);
}

/**
 * Reads `If-Match` (RFC 9110 §13.1.1): the strong ETags without their quotes, `any` for `*`, and null without the header. A weak ETag
 * never matches, and is left out. Other text fails with `if_match_malformed`.
 */
export function readIfMatch(headers: Headers): Result<IfMatch, { name: "if_match_malformed" }> {
  const text = headers.get("if-match");
  if (text === null) return succeed(null);
  if (text.trim() === "*") return succeed("any");
  const tags = text.split(",").map((tag) => /^\s*(W\/)?"([!#-+\--~]*)"\s*$/.exec(tag));
  if (tags.some((tag) => tag === null)) return fail({ name: "if_match_malformed" });
  return succeed(tags.flatMap((tag) => (tag?.[1] ? [] : (tag?.[2] ?? []))));
}

/** The versions that a client wants to change, `any`, or null if it named none. */
export type IfMatch = readonly string[] | "any" | null;

/** What an endpoint for keys gets of its request. */
export interface KeyCall {
  keyId: number;
  /** Returns whether the key has this scope, for parts of an answer that need another one, such as `phones:read`. */
  has: (scope: Scope) => boolean;
  /** The key as an actor, for reads that are audited. Changes are made by `deed`. */
  actor: ApiKeyActor;
  ifMatch: IfMatch;
  /**
   * Does a deed of the core as this key, and returns the reply that `replyOf` makes of its value. With POST the deed ends by `settle`
   * (lib/core/administration/actor.ts), which stores the reply in the deed's transaction: so `replyOf` reads nothing but the value,
   * and the reply has neither phones nor mailboxes. Fields of `answer.secrets` are stored as null.
   */
  deed: <Value, Failure extends { name: string }, Reply>(
    act: (actor: ApiKeyActor) => Promise<Result<Value, Failure>>,
    replyOf: (value: Value) => Reply,
  ) => Promise<Reply | { ok: false; failure: Failure }>;
}

/**
 * Makes the call of a key. `attempt` is null without an `Idempotency-Key`. With `mustSettle` a deed that succeeded without `settle` is a
 * bug. `render` makes the stored answer of a reply.
 */
export function makeKeyCall(
  { keyId, scopes }: ApiKey,
  {
    ifMatch,
    attempt,
    mustSettle,
    render,
  }: { ifMatch: IfMatch; attempt: Attempt | null; mustSettle: boolean; render: (reply: unknown) => StoredAnswer },
): KeyCall {
  const actor: ApiKeyActor = { kind: "api_key", keyId };
  return {
    keyId,
    has: (scope) => scopes.includes(scope),
    actor,
    ifMatch,
    deed: async (act, replyOf) => {
      let isSettled = false;
      const settle: ApiKeyActor["settle"] = async (tx, value) => {
        isSettled = true;
        if (attempt) await storeAnswer(tx, attempt, render(replyOf(value as never)));
      };
      const done = await act({ ...actor, settle });
      if (!done.ok) return done;
      if (mustSettle && !isSettled)
        throw new Error("a deed with POST succeeded without storing its answer: see settle");
      return replyOf(done.value);
    },
  };
}

/**
 * Answers a POST once for each `Idempotency-Key` that an API key sends. `content` is what makes the request the same; `answer` does the deed, and
 * returns a `Response` only after a success. A request that fails has no effect, and leaves no answer: it may be sent again with the
 * same key.
 */
export async function answerOnce<Refused>(
  { keyId }: ApiKey,
  { headers, content }: { headers: Headers; content: string },
  answer: (attempt: Attempt | null) => Promise<Response | Refused>,
): Promise<Result<Response | Refused | { replayed: StoredAnswer }, KeyRefusal>> {
  const key = readIdempotencyKey(headers);
  if (!key.ok) return key;
  if (key.value === null) return succeed(await answer(null));
  const begun = await beginRequest({ keyId, key: key.value, content }, new Date());
  if (!begun.ok) return fail(begun.failure.name === "request_running" ? RUNNING : begun.failure);
  if ("answer" in begun.value) return succeed({ replayed: begun.value.answer });
  const { attempt } = begun.value;
  try {
    const answered = await answer(attempt);
    if (!(answered instanceof Response)) await forgetRequest(attempt);
    return succeed(answered);
  } catch (error) {
    if (error instanceof AttemptLost) return fail(RUNNING);
    // The deed's error is the one to report. An attempt that is not forgotten now is given up after `IDEMPOTENT_REQUEST_MS_MAX`.
    await forgetRequest(attempt).catch((another: unknown) => {
      if (!isDatabaseAway(another)) logError(another, "an attempt at a request was not forgotten");
    });
    throw error;
  }
}

const RUNNING = { name: "request_running", retryAfterMs: 1000 } as const;
