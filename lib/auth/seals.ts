import { hkdfSync } from "node:crypto";
import { EncryptJWT, type JWTPayload, jwtDecrypt } from "jose";
import type { z } from "zod";
import { env } from "@/lib/env";

interface Seal<Schema extends z.ZodObject> {
  /** What the token is for; one sealed for something else does not open. */
  purpose: string;
  schema: Schema;
  ttlMs: number;
}

const ALGORITHM = { alg: "dir", enc: "A256GCM" };
const KEY_BYTES = 32;

/** Encrypts and signs `payload` so that only this server can read it, for `ttlMs` at most. */
export function seal<Schema extends z.ZodObject>(
  { purpose, ttlMs }: Seal<Schema>,
  payload: z.input<Schema>,
): Promise<string> {
  return encrypt(purpose, payload, ttlMs);
}

/** The payload that was sealed, or null when the token is missing, forged, too old or of another shape. */
export async function unseal<Schema extends z.ZodObject>(
  { purpose, schema }: Seal<Schema>,
  token: string | undefined,
): Promise<z.output<Schema> | null> {
  return token ? (schema.safeParse(await decrypt(purpose, token)).data ?? null) : null;
}

/** What NextAuth seals its cookie with, in place of its own way, which derives its keys anew for each token. */
export function sealsOf(purpose: string, ttlMs: number) {
  return {
    encode: ({ token }: { token?: JWTPayload }) => encrypt(purpose, token ?? {}, ttlMs),
    decode: async ({ token }: { token?: string }) => (token ? decrypt(purpose, token) : null),
  };
}

async function encrypt(purpose: string, payload: JWTPayload, ttlMs: number): Promise<string> {
  return new EncryptJWT(payload)
    .setProtectedHeader(ALGORITHM)
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + ttlMs))
    .encrypt(await keyOf(purpose));
}

async function decrypt(purpose: string, token: string): Promise<JWTPayload | null> {
  const options = { keyManagementAlgorithms: [ALGORITHM.alg], contentEncryptionAlgorithms: [ALGORITHM.enc] };
  // It throws on whatever it can't open, which is anything that somebody may send as a cookie.
  const opened = await jwtDecrypt(token, await keyOf(purpose), options).catch(() => null);
  return opened?.payload ?? null;
}

const keys = new Map<string, Promise<CryptoKey>>();

/** The key of one purpose, derived from the secret once: it takes as long as all the rest. */
function keyOf(purpose: string): Promise<CryptoKey> {
  const known = keys.get(purpose);
  if (known) return known;
  const bytes = new Uint8Array(hkdfSync("sha256", env.AUTH_SECRET, "", `sarafan seal: ${purpose}`, KEY_BYTES));
  const key = crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  keys.set(purpose, key);
  return key;
}
