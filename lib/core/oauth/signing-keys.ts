import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { calculateJwkThumbprint, exportJWK, type JWK } from "jose";
import { z } from "zod";
import { runInBackground } from "@/lib/core/background";
import { deriveKeys } from "@/lib/core/keys";
import { SIGNING_KEY_KEPT_MS, SIGNING_KEY_PUBLISHED_BEFORE_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { seal, unseal } from "@/lib/core/sealing";
import { type RowOf, readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";

/**
 * The algorithms of ID tokens and access tokens (RFC 7518 §3.1, RFC 8037 §3.1). Each client library takes RS256, and some take nothing
 * else (OpenID Connect Discovery §3).
 */
export const SigningAlgorithm = z.enum(["RS256", "ES256", "EdDSA"]);
export type SigningAlgorithm = z.output<typeof SigningAlgorithm>;

/** A key that signs now. */
export interface SigningKey {
  /** The `kid`: the JWK thumbprint of the public key. */
  id: string;
  algorithm: SigningAlgorithm;
  privateKey: KeyObject;
}

const makeKeyPair = promisify(generateKeyPair);
const RSA_BITS = 2048;

const KEY_COLUMNS = {
  id: "text",
  algorithm: "text",
  generation: "integer",
  publicKey: "text",
  privateKey: "text",
  signsFrom: "time",
} as const;
const KEY_COLUMNS_SQL = `"id", "algorithm", "generation", "publicKey", "privateKey", "signsFrom"`;

const LIST_KEYS = statement({
  params: { algorithm: "text?", now: "time" },
  row: { ...KEY_COLUMNS, endsAt: "time?" },
  sql: `
    SELECT ${KEY_COLUMNS_SQL}, "endsAt" FROM "SigningKey"
    WHERE (:algorithm IS NULL OR "algorithm" = :algorithm) AND ("endsAt" IS NULL OR "endsAt" > :now)
    ORDER BY "algorithm" DESC, "generation" DESC`,
});
const ADD_KEY = statement({
  params: KEY_COLUMNS,
  row: { id: "text" },
  sql: `
    INSERT INTO "SigningKey" (${KEY_COLUMNS_SQL})
    VALUES (:id, :algorithm, :generation, :publicKey, :privateKey, :signsFrom)
    ON CONFLICT ("algorithm", "generation") DO NOTHING RETURNING "id"`,
});
const END_OLDER_KEYS = statement({
  params: { algorithm: "text", generation: "integer", endsAt: "time" },
  sql: `
    UPDATE "SigningKey" SET "endsAt" = :endsAt
    WHERE "algorithm" = :algorithm AND "generation" < :generation AND "endsAt" IS NULL`,
});
const END_KEY = statement({
  params: { id: "text", now: "time" },
  sql: `UPDATE "SigningKey" SET "endsAt" = :now WHERE "id" = :id`,
});
/** Lets a published key sign before `SIGNING_KEY_PUBLISHED_BEFORE_MS` are over. */
const SIGN_NOW = statement({
  params: { algorithm: "text", generation: "integer", now: "time" },
  sql: `
    UPDATE "SigningKey" SET "signsFrom" = :now
    WHERE "algorithm" = :algorithm AND "generation" > :generation AND "signsFrom" > :now`,
});
const SEAL_AGAIN = statement({
  params: { id: "text", stale: "text", privateKey: "text" },
  sql: `UPDATE "SigningKey" SET "privateKey" = :privateKey WHERE "id" = :id AND "privateKey" = :stale`,
});

type KeyRow = RowOf<typeof LIST_KEYS>;

const SEALING_KEYS = deriveKeys("signing keys of applications");

/**
 * Returns the key of the algorithm that signs at `now`: the newest whose time has come. Makes the first key of the algorithm if there is
 * none; of servers that do so in parallel, all return the same key. Also makes one if no secret of the settings opens the stored keys,
 * which happens after a change of `AUTH_SECRET` without `AUTH_SECRET_PREVIOUS`; the older public keys stay published.
 */
export async function getSigningKey(algorithm: SigningAlgorithm, now = new Date()): Promise<SigningKey> {
  // The second run finds the key that the first one, or another server, has made.
  for (let runs = 1; ; runs += 1) {
    const rows = await readPrimary.all(LIST_KEYS, { algorithm, now });
    const due = rows.filter(({ signsFrom }) => signsFrom <= now);
    // A key that a server has just made whose clock runs ahead signs nevertheless, if it is the only one.
    for (const row of due.length > 0 ? due : rows) {
      const privateKey = openKey(row);
      if (privateKey) return { id: row.id, algorithm, privateKey };
    }
    if (runs === 2)
      throw new Error(`no signing key of ${algorithm} can be opened: do all servers have the same AUTH_SECRET?`);
    if (rows.length > 0)
      logError(new Error("no stored key opens"), `AUTH_SECRET opens no signing key of ${algorithm}: a new one signs`);
    await addKey(algorithm, (rows[0]?.generation ?? -1) + 1, now);
  }
}

/**
 * Makes a new key for each algorithm that has one. It is published at once and signs after `SIGNING_KEY_PUBLISHED_BEFORE_MS`, when
 * applications have fetched it. The key before it stays published until the tokens that it signed are over. If the newest key of an
 * algorithm doesn't sign yet, no further one is made. Returns the newest key of each algorithm, and when it signs.
 */
export async function rotateSigningKeys(
  now = new Date(),
): Promise<{ algorithm: SigningAlgorithm; id: string; signsFrom: Date }[]> {
  const newest = await listNewestKeys(now);
  const signsFrom = new Date(now.getTime() + SIGNING_KEY_PUBLISHED_BEFORE_MS);
  const isSigning = newest.filter((row) => row.signsFrom <= now);
  await Promise.all(isSigning.map(({ algorithm, generation }) => addKey(algorithm, generation + 1, signsFrom)));
  return (await listNewestKeys(now)).map(({ algorithm, id, signsFrom }) => ({ algorithm, id, signsFrom }));
}

/**
 * Ends a key at once when others may know it. It is not published any more, and the tokens that it signed are refused as soon as
 * applications fetch the keys again. A newer key of the algorithm, or a new one, signs from now on. Fails with `key_unknown` if there is no
 * such key, or if it has ended.
 */
export async function revokeSigningKey(id: string, now = new Date()): Promise<Result<null, { name: "key_unknown" }>> {
  const rows = await readPrimary.all(LIST_KEYS, { algorithm: null, now });
  const known = rows.find((row) => row.id === id);
  if (!known) return fail({ name: "key_unknown" });
  const algorithm = SigningAlgorithm.parse(known.algorithm);
  // Does nothing if there is a newer one.
  await addKey(algorithm, known.generation + 1, now);
  await transact(async (tx) => {
    tx.queue(SIGN_NOW, { algorithm, generation: known.generation, now });
    tx.queue(END_KEY, { id, now });
  });
  return succeed(null);
}

async function listNewestKeys(now: Date) {
  const rows = await readPrimary.all(LIST_KEYS, { algorithm: null, now });
  return SigningAlgorithm.options.flatMap((algorithm) => {
    const row = rows.find((one) => one.algorithm === algorithm);
    return row ? [{ ...row, algorithm }] : [];
  });
}

/** A signing key without its secret part. */
export type ListedKey = Pick<SigningKey, "id" | "algorithm"> & {
  /** When it begins to sign. */
  signsFrom: Date;
  /** When no token that it signed is valid any more; null while it has no successor. */
  endsAt: Date | null;
};

/** Returns the keys that have not ended, by algorithm, the newest first. */
export async function listSigningKeys(now = new Date()): Promise<ListedKey[]> {
  const rows = await readPrimary.all(LIST_KEYS, { algorithm: null, now });
  return rows.map(({ id, algorithm, signsFrom, endsAt }) => {
    return { id, algorithm: SigningAlgorithm.parse(algorithm), signsFrom, endsAt };
  });
}

/**
 * Seals all keys that `AUTH_SECRET_PREVIOUS` opens by `AUTH_SECRET`. Returns how many these are, and the ids of the keys that neither
 * opens, which can't sign any more.
 */
export async function sealSigningKeys(now = new Date()): Promise<{ sealed: number; lost: string[] }> {
  const rows = await readPrimary.all(LIST_KEYS, { algorithm: null, now });
  const opened = rows.map((row) => ({ row, opened: unseal(SEALING_KEYS, row.privateKey, row.id) }));
  const old = opened.flatMap(({ row, opened }) => (opened?.isOld ? sealAgain(row, opened.value) : []));
  await transact(async (tx) => {
    for (const params of old) tx.queue(SEAL_AGAIN, params);
  });
  return { sealed: old.length, lost: opened.flatMap(({ row, opened }) => (opened ? [] : row.id)) };
}

/** Returns the parameters of `SEAL_AGAIN`. */
function sealAgain({ id, privateKey: stale }: KeyRow, value: Buffer) {
  return { id, stale, privateKey: seal(SEALING_KEYS, value, id) };
}

type PublicJwk = JWK & { kty: string; kid: string };

/** Returns the public keys whose tokens may still be valid, and those that will sign soon, as a JWK Set (RFC 7517 §5). */
export async function listPublicKeys(now = new Date()): Promise<{ keys: PublicJwk[] }> {
  const rows = await readPrimary.all(LIST_KEYS, { algorithm: null, now });
  return { keys: rows.map(({ id, algorithm, publicKey }) => publicJwk(id, algorithm, publicKey)) };
}

/**
 * Returns the public keys as `listPublicKeys` does. Makes the first key of each algorithm that has none, so that an application that has
 * fetched the keys before the first login need not fetch them again: it may be told the older answer of a cache.
 */
export async function publishKeys(now = new Date()): Promise<{ keys: PublicJwk[] }> {
  const published = await listPublicKeys(now);
  const missing = SigningAlgorithm.options.filter((name) => !published.keys.some(({ alg }) => alg === name));
  if (missing.length === 0) return published;
  await Promise.all(missing.map((name) => getSigningKey(name, now)));
  return listPublicKeys(now);
}

const publicJwk = (kid: string, alg: string, publicKey: string): PublicJwk => ({
  ...JSON.parse(publicKey),
  kid,
  alg,
  use: "sig",
});

/** Makes a key of this generation, unless it was made before, and lets the older ones end. */
async function addKey(algorithm: SigningAlgorithm, generation: number, signsFrom: Date): Promise<void> {
  // Before the transaction, because the keys of RSA take a tenth of a second.
  const { publicKey, privateKey } = await makeKeys(algorithm);
  const jwk = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint(jwk);
  const sealed = seal(SEALING_KEYS, privateKey.export({ type: "pkcs8", format: "der" }), id);
  const endsAt = new Date(signsFrom.getTime() + SIGNING_KEY_KEPT_MS);
  await transact(async (tx: Transaction) => {
    const row = { id, algorithm, generation, publicKey: JSON.stringify(jwk), privateKey: sealed, signsFrom };
    if (await tx.get(ADD_KEY, row)) tx.queue(END_OLDER_KEYS, { algorithm, generation, endsAt });
  });
}

function makeKeys(algorithm: SigningAlgorithm): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  if (algorithm === "RS256") return makeKeyPair("rsa", { modulusLength: RSA_BITS });
  if (algorithm === "ES256") return makeKeyPair("ec", { namedCurve: "P-256" });
  return makeKeyPair("ed25519");
}

/** The opened keys by their sealed texts, because opening an RSA key takes longer than signing with it. */
const openedKeys = new Map<string, KeyObject>();
const OPENED_KEYS_MAX = 20;

/** Returns the private key of a row; null if no secret opens it. A key of the previous secret is sealed again in the background. */
function openKey(row: KeyRow): KeyObject | null {
  const { id, privateKey: sealed } = row;
  const known = openedKeys.get(sealed);
  if (known) return known;
  const opened = unseal(SEALING_KEYS, sealed, id);
  if (!opened) return null;
  if (opened.isOld) {
    const resealed = sealAgain(row, opened.value);
    void runInBackground(`sealing of ${id}`, () => transact(async (tx) => tx.queue(SEAL_AGAIN, resealed)));
  }
  const key = createPrivateKey({ key: opened.value, format: "der", type: "pkcs8" });
  if (openedKeys.size >= OPENED_KEYS_MAX) openedKeys.clear();
  openedKeys.set(sealed, key);
  return key;
}
