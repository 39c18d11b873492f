import { createHmac, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import {
  type Actor,
  type ActorFailure,
  type Administrator,
  type ApiKeyActor,
  auditOf,
  type COMMAND_LINE,
  lockActor,
} from "@/lib/core/administration/actor";
import { runInBackground } from "@/lib/core/background";
import { deriveKeys } from "@/lib/core/keys";
import { API_KEY_NAME_LENGTH_MAX } from "@/lib/core/policy";
import { consume, type LimitFailure, REQUESTS_OF_KEY } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, statement, type Transaction, transact } from "@/lib/db/database";

/**
 * What a key may do in the management API, with its description in the reference. A new resource adds its scopes here. Answers have phones
 * and mailboxes only for keys with `phones:read`.
 */
export const SCOPE_DESCRIPTIONS = {
  "accounts:read": "Read and find accounts.",
  "accounts:write": "Create, block and delete accounts, and end their sessions.",
  "phones:read": "See phones and mailboxes in the answers of other scopes. Each such read is audited.",
  "referrals:read": "Read who activated the code of an account.",
  "activations:read": "Read activations.",
  "activations:write": "Move and undo activations.",
  "deliveries:read": "Read what became of the codes that were sent.",
  "events:read": "Follow the event log.",
  "webhooks:read": "Read webhook endpoints and their deliveries.",
  "webhooks:write": "Make, change and delete webhook endpoints, and send deliveries again.",
  "clients:read": "Read the applications that people log in to.",
  "clients:write": "Make, change and remove applications, and renew their secrets.",
  "test-numbers:read": "Read test numbers.",
  "test-numbers:write": "Make and end test numbers.",
} as const;
export type Scope = keyof typeof SCOPE_DESCRIPTIONS;
export const SCOPES = Object.keys(SCOPE_DESCRIPTIONS) as [Scope, ...Scope[]];

/** The scopes of a new key: at least one. Other values fail with `scopes_missing` or `scope_unknown`. */
export const Scopes = z
  .array(z.enum(SCOPES, "scope_unknown"))
  .min(1, "scopes_missing")
  .transform((scopes) => SCOPES.filter((scope) => scopes.includes(scope)));

/** What a key is for, in the operator's words. Other text fails with `name_missing` or `name_too_long`. */
export const KeyName = z.string().trim().min(1, "name_missing").max(API_KEY_NAME_LENGTH_MAX, "name_too_long");

const PREFIX = "sk_";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** So many digits of base 62 have 256 bits. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const KEY_FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`);
/** So many characters of a key tell the keys of an operator apart, and leave 200 secret bits. */
const HINT_LENGTH = PREFIX.length + 5;

const draw = () => Array.from({ length: SECRET_LENGTH }, () => DIGITS[randomInt(DIGITS.length)]).join("");

/** Returns the last six characters of a key, by which a mistyped or cut one is refused without the database: a CRC-32 in base 62. */
function checksumOf(start: string): string {
  let rest = crc32(start);
  let digits = "";
  for (let at = 0; at < CHECKSUM_LENGTH; at += 1) {
    digits = DIGITS[rest % DIGITS.length] + digits;
    rest = Math.floor(rest / DIGITS.length);
  }
  return digits;
}

const HASH_KEYS = deriveKeys("api key");

/**
 * Returns the values that may be stored for a key: made with the current secret, and with the previous one if it is set. One round of
 * HMAC is enough, because 2^256 keys are too many to try; a slow hash protects passwords, which people choose, and would slow each request.
 */
const hashesOf = (key: string) =>
  HASH_KEYS.map((secret) => createHmac("sha256", secret).update(key).digest("base64url")) as [string, ...string[]];

/** An API key that may be used now, with what it may do. */
export interface ApiKey {
  keyId: number;
  scopes: readonly Scope[];
}

const ADD_KEY = statement({
  params: { name: "text", keyHash: "text", hint: "text", scopes: "text", endsAt: "time?", now: "time" },
  row: { id: "integer" },
  sql: `
    INSERT INTO "ApiKey" ("name", "keyHash", "hint", "scopes", "endsAt", "madeAt")
    VALUES (:name, :keyHash, :hint, :scopes, :endsAt, :now) RETURNING "id"`,
});

/** Who makes and revokes keys. A key can't, so that a stolen one makes no further ones. */
type Maker = Administrator | typeof COMMAND_LINE;

/**
 * Makes an API key, and returns its id and the key itself, which is stored only as a hash and so can't be shown again. `reason` is an
 * administrator's. Fails with an `ActorFailure`, or with `end_invalid` if the end is not in the future.
 */
export async function makeApiKey<Who extends Maker>(
  actor: Who,
  { name, scopes, endsAt, reason }: { name: string; scopes: readonly Scope[]; endsAt: Date | null; reason?: string },
  now = new Date(),
): Promise<Result<{ id: number; key: string }, ActorFailure<Who> | { name: "end_invalid" }>> {
  if (endsAt !== null && endsAt <= now) return fail({ name: "end_invalid" });
  const start = PREFIX + draw();
  const key = start + checksumOf(start);
  const [keyHash] = hashesOf(key);
  const added = { name, keyHash, hint: key.slice(0, HINT_LENGTH), scopes: scopes.join(" "), endsAt, now };
  return transact<Result<{ id: number; key: string }, ActorFailure<Who>>>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return locked;
    const row = await tx.get(ADD_KEY, added);
    if (!row) throw new Error("an insert returned no row");
    const details = { ...(reason && { reason }), apiKey: row.id, scopes: [...scopes] };
    recordEvent(tx, { action: "api_key_made", ...auditOf(actor), subjectId: null, details, now });
    return succeed({ id: row.id, key });
  });
}

const REVOKE_KEY = statement({
  params: { id: "integer", now: "time" },
  sql: `UPDATE "ApiKey" SET "revokedAt" = :now WHERE "id" = :id AND "revokedAt" IS NULL`,
});

/**
 * Revokes a key. Once this function has returned, no request with the key changes anything. Fails with an `ActorFailure`,
 * or with `key_unknown` if there is no such key or it is revoked already.
 */
export async function revokeApiKey<Who extends Maker>(
  actor: Who,
  { id, reason }: { id: number; reason?: string },
  now = new Date(),
): Promise<Result<null, ActorFailure<Who> | { name: "key_unknown" }>> {
  return transact<Result<null, ActorFailure<Who> | { name: "key_unknown" }>>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return locked;
    if ((await tx.run(REVOKE_KEY, { id, now })) === 0) return fail({ name: "key_unknown" });
    const details = { ...(reason && { reason }), apiKey: id };
    recordEvent(tx, { action: "api_key_revoked", ...auditOf(actor), subjectId: null, details, now });
    return succeed(null);
  });
}

/** A key as the console and the command line list it. */
export interface ListedKey extends ApiKey {
  name: string;
  /** The first characters of the key. */
  hint: string;
  madeAt: Date;
  endsAt: Date | null;
  revokedAt: Date | null;
  /** To a minute; null if it was never used. */
  lastUsedAt: Date | null;
  /** Whether requests with it are answered: it is neither revoked nor ended. */
  isOpen: boolean;
}

/** Returns all keys, the newest first. */
export async function listApiKeys(now = new Date()): Promise<ListedKey[]> {
  const rows = await readPrimary.apiKey.findMany({ orderBy: { id: "desc" }, omit: { keyHash: true } });
  return rows.map(({ id, scopes, ...row }) => ({
    ...row,
    keyId: id,
    scopes: readScopes(scopes),
    isOpen: row.revokedAt === null && (row.endsAt === null || row.endsAt > now),
  }));
}

const readScopes = (text: string) => SCOPES.filter((scope) => text.split(" ").includes(scope));

const READ_SCOPES = statement({
  params: { keyId: "integer" },
  row: { scopes: "text" },
  sql: `SELECT "scopes" FROM "ApiKey" WHERE "id" = :keyId`,
});

/** Returns whether an API key has a scope, for a deed of which only a part needs it. */
async function hasScope(tx: Transaction, { keyId }: ApiKeyActor, scope: Scope): Promise<boolean> {
  const row = await tx.get(READ_SCOPES, { keyId });
  return row !== undefined && readScopes(row.scopes).includes(scope);
}

/**
 * An API key without the scope `phones:read` would have phones or mailboxes sent to another system: to an address that it chooses, with a
 * secret that it learns, or again after the operator stopped it.
 */
export type PhonesFailure<Who extends Actor> = Who extends ApiKeyActor ? { name: "phones_scope_missing" } : never;

/** Returns a `PhonesFailure` if the actor is a key without `phones:read`; otherwise null. */
export async function findPhonesFailure<Who extends Actor>(
  tx: Transaction,
  actor: Who,
): Promise<PhonesFailure<Who> | null> {
  if (actor.kind !== "api_key" || (await hasScope(tx, actor, "phones:read"))) return null;
  return { name: "phones_scope_missing" } as PhonesFailure<Who>;
}

const FIND_KEY = statement({
  params: { keyHash: "text", previousHash: "text" },
  row: {
    id: "integer",
    keyHash: "text",
    scopes: "text",
    endsAt: "time?",
    revokedAt: "time?",
    lastUsedAt: "time?",
  },
  sql: `
    SELECT "id", "keyHash", "scopes", "endsAt", "revokedAt", "lastUsedAt" FROM "ApiKey"
    WHERE "keyHash" IN (:keyHash, :previousHash)`,
});
const TOUCH_KEY = statement({
  params: { id: "integer", keyHash: "text", now: "time" },
  sql: `UPDATE "ApiKey" SET "lastUsedAt" = :now, "keyHash" = :keyHash WHERE "id" = :id`,
});
/** How exactly the time of the last use is stored. */
const LAST_USED_EVERY_MS = 60_000;

/**
 * Finds the key that a request was sent with, and notes the use in the background. Text with a wrong checksum is refused without the
 * database. Fails with `key_unknown`, `key_revoked` or `key_ended`.
 */
export async function checkApiKey(
  text: string,
  now = new Date(),
): Promise<Result<ApiKey, { name: "key_unknown" | "key_revoked" | "key_ended" }>> {
  if (!KEY_FORM.test(text)) return fail({ name: "key_unknown" });
  const start = text.slice(0, -CHECKSUM_LENGTH);
  if (text !== start + checksumOf(start)) return fail({ name: "key_unknown" });
  const [keyHash, previousHash = keyHash] = hashesOf(text);
  const row = await readPrimary.get(FIND_KEY, { keyHash, previousHash });
  if (!row) return fail({ name: "key_unknown" });
  if (row.revokedAt) return fail({ name: "key_revoked" });
  if (row.endsAt && row.endsAt <= now) return fail({ name: "key_ended" });
  const { id, lastUsedAt } = row;
  // A key that is used while AUTH_SECRET_PREVIOUS is set is stored by the new secret, so that it outlives the old one.
  if (row.keyHash !== keyHash || lastUsedAt === null || now.getTime() - lastUsedAt.getTime() >= LAST_USED_EVERY_MS) {
    void runInBackground(`API key ${id}`, () => transact(async (tx) => tx.queue(TOUCH_KEY, { id, keyHash, now })));
  }
  return succeed({ keyId: id, scopes: readScopes(row.scopes) });
}

/** Counts a request of a key. Fails with `budget_spent` if the key has sent as many in this minute as its limit allows. */
export function countRequest({ keyId }: ApiKey, now = new Date()): Promise<Result<unknown, LimitFailure>> {
  return transact((tx) => consume(tx, [{ limit: REQUESTS_OF_KEY, subject: String(keyId) }], now));
}
