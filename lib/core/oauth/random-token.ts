import { createHash, randomBytes } from "node:crypto";

const TOKEN_BYTES = 32;

/** Draws a secret text of 256 bits, as base64url: 43 characters (RFC 6749 §10.10 asks for 128 bits at least). */
export function drawToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/**
 * Returns the hash under which a drawn token is stored. It needs no key and no slow function, because 256 random bits can't be tried.
 */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
