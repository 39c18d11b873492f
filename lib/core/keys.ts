import { hkdfSync } from "node:crypto";
import { env } from "@/lib/env";

const KEY_BYTES = 32;

/**
 * The keys for one purpose, derived from AUTH_SECRET and, while it is set, from AUTH_SECRET_PREVIOUS (HKDF, RFC 5869). What is
 * new is made with the first one; what was made before is opened, verified or recognised by any of them.
 */
export function deriveKeys(purpose: string): readonly [Buffer, ...Buffer[]] {
  const derive = (secret: string) => Buffer.from(hkdfSync("sha256", secret, "", `sarafan ${purpose}`, KEY_BYTES));
  const { AUTH_SECRET, AUTH_SECRET_PREVIOUS } = env;
  return AUTH_SECRET_PREVIOUS ? [derive(AUTH_SECRET), derive(AUTH_SECRET_PREVIOUS)] : [derive(AUTH_SECRET)];
}
