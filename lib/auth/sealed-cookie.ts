import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { z } from "zod";
import { deriveKeys } from "@/lib/core/keys";

/** One kind of encrypted token, such as that of the session cookie. */
interface TokenKind<Schema extends z.ZodObject> {
  /** The keys are derived from this name, so a token of one purpose can't be decrypted for another. */
  purpose: string;
  schema: Schema;
  ttlMs: number;
}

type Payload = Record<string, unknown>;

/**
 * Encrypts and authenticates `payload`, so that only a server with this AUTH_SECRET can read or change it. Returns a token that is
 * valid for `ttlMs`, rounded up to whole seconds.
 */
export function encryptToken<Schema extends z.ZodObject>(
  { purpose, ttlMs }: TokenKind<Schema>,
  payload: z.input<Schema>,
): string {
  return encrypt(purpose, payload, ttlMs);
}

/** Returns the payload of a token, or null if the token is missing, forged, expired, of another purpose or of another shape. */
export function decryptToken<Schema extends z.ZodObject>(
  { purpose, schema }: TokenKind<Schema>,
  token: string | undefined,
): z.output<Schema> | null {
  return token ? (schema.safeParse(decrypt(purpose, token)).data ?? null) : null;
}

/**
 * Makes the functions by which NextAuth encodes and decodes the token of its session cookie. NextAuth's own functions derive
 * the key again for each token, which costs processor time in each request.
 */
export function nextAuthCodec({ purpose, ttlMs }: Pick<TokenKind<z.ZodObject>, "purpose" | "ttlMs">) {
  return {
    encode: ({ token }: { token?: Payload }) => encrypt(purpose, token ?? {}, ttlMs),
    decode: ({ token }: { token?: string }) => (token ? decrypt(purpose, token) : null),
  };
}

const base64url = (data: string | Buffer) => Buffer.from(data).toString("base64url");

/** The header of each token: direct encryption with a shared key, by AES-256-GCM (RFC 7518 §4.5, §5.3). */
const JWE_HEADER = base64url(JSON.stringify({ alg: "dir", enc: "A256GCM" }));
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Makes a JWT inside a JWE in compact form (RFC 7516 §5.1) with Node's own cipher. jose, by Web Crypto, takes five times the
 * processor time, and each request decrypts a cookie. A test checks that jose and this file decrypt each other's tokens.
 */
function encrypt(purpose: string, payload: Payload, ttlMs: number): string {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { ...payload, iat, exp: iat + Math.ceil(ttlMs / 1000) };
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keysOf(purpose)[0], iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(JWE_HEADER));
  const text = Buffer.concat([cipher.update(JSON.stringify(claims)), cipher.final()]);
  return `${JWE_HEADER}..${base64url(iv)}.${base64url(text)}.${base64url(cipher.getAuthTag())}`;
}

function decrypt(purpose: string, token: string): Payload | null {
  const [header, encryptedKey, iv, text, tag, ...rest] = token.split(".");
  if (header !== JWE_HEADER || encryptedKey !== "" || !iv || !text || !tag || rest.length > 0) return null;
  const parts = {
    iv: Buffer.from(iv, "base64url"),
    text: Buffer.from(text, "base64url"),
    tag: Buffer.from(tag, "base64url"),
  };
  if (parts.iv.length !== IV_BYTES || parts.tag.length !== TAG_BYTES) return null;
  for (const key of keysOf(purpose)) {
    const claims = decryptWith(key, parts);
    if (claims) return Number(claims.exp) * 1000 > Date.now() ? claims : null;
  }
  return null;
}

function decryptWith(key: Buffer, { iv, text, tag }: { iv: Buffer; text: Buffer; tag: Buffer }): Payload | null {
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(JWE_HEADER)).setAuthTag(tag);
  try {
    return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString());
  } catch {
    // Node throws if the text was not encrypted with this key. A client may send any text as a cookie.
    return null;
  }
}

type Keys = readonly [Buffer, ...Buffer[]];
const keysByPurpose = new Map<string, Keys>();

/** The keys of one purpose, derived once per process. Tokens are encrypted with the first key and decrypted with any of them. */
function keysOf(purpose: string): Keys {
  const keys = keysByPurpose.get(purpose) ?? deriveKeys(`seal: ${purpose}`);
  keysByPurpose.set(purpose, keys);
  return keys;
}
