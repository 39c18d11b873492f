import { createHmac } from "node:crypto";
import { deriveKeys } from "./keys";

const [KEY, ...PREVIOUS_KEYS] = deriveKeys("delivery recipient");

/**
 * Returns the value that stands for a phone, mailbox or network in rows that outlive an account: an HMAC under a secret key, 43
 * characters in base64url. A plain hash would reveal a phone, because all phone numbers can be tried.
 */
export function keyedHash(text: string): string {
  return hashBy(KEY, text);
}

/**
 * Returns all values that may stand for the text in stored rows: one made with the current secret, and one with the previous
 * secret if it is set.
 */
export function keyedHashes(text: string): [string, ...string[]] {
  return [keyedHash(text), ...PREVIOUS_KEYS.map((key) => hashBy(key, text))];
}

function hashBy(key: Buffer, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}
