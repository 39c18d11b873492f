import { createHmac } from "node:crypto";
import { deriveKeys } from "./keys";

const [KEY, ...PREVIOUS_KEYS] = deriveKeys("delivery recipient");

/**
 * Returns the value that stands for a phone, mailbox or network in rows that outlive an account: an HMAC under a secret key, 43
 * characters in base64url. A plain hash would reveal a phone, because all phone numbers can be tried.
 */
export function keyedHash(text: string): string {
  if (text.length > CACHED_LENGTH_MAX) return hashBy(KEY, text);
  const cached = cachedHashes.get(text);
  if (cached !== undefined) return cached;
  const hash = hashBy(KEY, text);
  if (cachedHashes.size >= CACHED_HASHES_MAX) cachedHashes.clear();
  cachedHashes.set(text, hash);
  return hash;
}

/**
 * Returns all values that may stand for the text in stored rows: one made with the current secret, and one with the previous
 * secret if it is set.
 */
export function keyedHashes(text: string): [string, ...string[]] {
  return [keyedHash(text), ...PREVIOUS_KEYS.map((key) => hashBy(key, text))];
}

/** How many hashes of the current key are cached: a login needs those of its phone and network several times. */
const CACHED_HASHES_MAX = 1000;
/** The longest text that is kept with its hash: longer than a mailbox, and shorter than most requests and accounts, which are hashed once. */
const CACHED_LENGTH_MAX = 300;
const cachedHashes = new Map<string, string>();

function hashBy(key: Buffer, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}
