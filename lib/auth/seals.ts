import { EncryptJWT, type JWTPayload, jwtDecrypt } from "jose";
import type { z } from "zod";
import { deriveKeys } from "@/lib/core/keys";

interface Seal<Schema extends z.ZodObject> {
  /** What the token is for; one sealed for something else does not open. */
  purpose: string;
  schema: Schema;
  ttlMs: number;
}

const ALGORITHM = { alg: "dir", enc: "A256GCM" };

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
  const [key] = await keysOf(purpose);
  return new EncryptJWT(payload)
    .setProtectedHeader(ALGORITHM)
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + ttlMs))
    .encrypt(key);
}

async function decrypt(purpose: string, token: string): Promise<JWTPayload | null> {
  const options = { keyManagementAlgorithms: [ALGORITHM.alg], contentEncryptionAlgorithms: [ALGORITHM.enc] };
  for (const key of await keysOf(purpose)) {
    // It throws on whatever it can't open, which is anything that somebody may send as a cookie.
    const opened = await jwtDecrypt(token, key, options).catch(() => null);
    if (opened) return opened.payload;
  }
  return null;
}

type Keys = readonly [CryptoKey, ...CryptoKey[]];
const known = new Map<string, Promise<Keys>>();

/** The keys of one purpose, derived once: that takes as long as all the rest. */
function keysOf(purpose: string): Promise<Keys> {
  const keys = known.get(purpose) ?? importKeys(deriveKeys(`seal: ${purpose}`));
  known.set(purpose, keys);
  return keys;
}

async function importKeys([first, ...others]: readonly [Buffer, ...Buffer[]]): Promise<Keys> {
  const importKey = (bytes: Buffer) =>
    crypto.subtle.importKey("raw", new Uint8Array(bytes), "AES-GCM", false, ["encrypt", "decrypt"]);
  return [await importKey(first), ...(await Promise.all(others.map(importKey)))];
}
