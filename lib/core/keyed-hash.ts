import { createHmac } from "node:crypto";
import { deriveKeys } from "./keys";

const [KEY, ...PREVIOUS_KEYS] = deriveKeys("delivery recipient");

/**
 * What stands for a phone, a mailbox or a network in rows that outlive an account: an HMAC under a key of ours, because all
 * phones can be tried against a plain hash. 43 characters.
 */
export function keyedHash(text: string): string {
  return hashBy(KEY, text);
}

/** All that may stand for it in rows that were written before, by the previous secret as well. */
export function keyedHashes(text: string): [string, ...string[]] {
  return [keyedHash(text), ...PREVIOUS_KEYS.map((key) => hashBy(key, text))];
}

function hashBy(key: Buffer, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}
