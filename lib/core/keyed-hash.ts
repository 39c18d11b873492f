import { createHmac, hkdfSync } from "node:crypto";
import { env } from "@/lib/env";

const KEY_BYTES = 32;
const KEY = Buffer.from(hkdfSync("sha256", env.AUTH_SECRET, "", "sarafan delivery recipient", KEY_BYTES));

/**
 * What stands for a phone, a mailbox or a network in rows that outlive an account: an HMAC under a key of ours, because all
 * phones can be tried against a plain hash. 43 characters.
 */
export function keyedHash(text: string): string {
  return createHmac("sha256", KEY).update(text).digest("base64url");
}

/** All that may stand for it in rows that were written before. */
export function keyedHashes(text: string): [string, ...string[]] {
  return [keyedHash(text)];
}
