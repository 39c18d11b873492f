import { hkdfSync } from "node:crypto";
import { env } from "@/lib/env";

const KEY_BYTES = 32;

/**
 * Derives the keys for one purpose from `AUTH_SECRET` and, if it is set, from `AUTH_SECRET_PREVIOUS` (HKDF, RFC 5869); 32 bytes
 * each. New values are made with the first key; stored values may have been made with any key.
 */
export function deriveKeys(purpose: string): readonly [Buffer, ...Buffer[]] {
  const derive = (secret: string) => Buffer.from(hkdfSync("sha256", secret, "", `sarafan ${purpose}`, KEY_BYTES));
  const { AUTH_SECRET, AUTH_SECRET_PREVIOUS } = env;
  return AUTH_SECRET_PREVIOUS ? [derive(AUTH_SECRET), derive(AUTH_SECRET_PREVIOUS)] : [derive(AUTH_SECRET)];
}
