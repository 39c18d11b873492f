import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { deriveKeys } from "@/lib/core/keys";
import { ACCESS_TOKEN_TTL_MS } from "@/lib/core/policy";
import { type ClientSession, checkSession, type Session } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";

/** What stands before the 32 bytes of an Ed25519 key in its PKCS #8 form (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

// Derived from the secret, so that every server has the same keys and none has to keep them. The first one signs.
const [seed, ...previousSeeds] = deriveKeys("token signature");
const privateKey = privateKeyOf(seed);
const verificationKeys = [privateKey, ...previousSeeds.map(privateKeyOf)].map((key) => createPublicKey(key));
const secretKeys = deriveKeys("refresh token").map((key) => createSecretKey(key));

function privateKeyOf(bytes: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: "der", type: "pkcs8" });
}

/** What a kind of token is signed and verified with. */
interface Kind<Schema extends z.ZodObject = z.ZodObject> {
  alg: "EdDSA" | "HS256";
  typ: string;
  audience: string;
  schema: Schema;
  keys: readonly KeyObject[];
}

// Named in the header and by its audience, so that neither kind of token can stand in for the other (RFC 8725 §3.11).
const ACCESS = {
  alg: "EdDSA",
  typ: "JWT",
  audience: env.APP_URL,
  // Tokens that servers of an older version have issued lack `gen`.
  schema: z.object({ sub: z.string(), sid: z.uuid(), gen: z.int().optional() }),
  keys: verificationKeys,
} as const satisfies Kind;
/** By a key that this server alone has, at a part of the processor time: no other service reads refresh tokens. */
const REFRESH = {
  alg: "HS256",
  typ: "refresh+jwt",
  audience: `${env.APP_URL}/api/auth/refresh_token/`,
  schema: z.object({ sid: z.uuid(), generation: z.int() }),
  keys: secretKeys,
} as const satisfies Kind;
/** How version 0.1 signed refresh tokens. Those that are out are good until they end. */
const OLD_REFRESH = { ...REFRESH, alg: "EdDSA", keys: verificationKeys } as const satisfies Kind;

export interface Tokens {
  access: string;
  refresh: string;
}

/**
 * The tokens of a client application's session in its present generation. The refresh token says nothing but what is in the
 * session's row, so the same generation has the same one, letter for letter; the access token is good for
 * `ACCESS_TOKEN_TTL_MS` from `now` on, and for no longer than the session.
 */
export async function issueTokens(session: ClientSession, now = new Date()): Promise<Tokens> {
  const { id: sid, userId, generation, refreshedAt, expiresAt } = session;
  const accessEndsAt = Math.min(now.getTime() + ACCESS_TOKEN_TTL_MS, expiresAt.getTime());
  const [access, refresh] = await Promise.all([
    sign(ACCESS, { sub: String(userId), sid, gen: generation }, now, new Date(accessEndsAt)),
    sign(REFRESH, { sub: String(userId), sid, generation }, refreshedAt, expiresAt),
  ]);
  return { access, refresh };
}

/** The session that an access token is for, or null when either is no longer good. One read. */
export async function readAccessToken(token: string): Promise<Session | null> {
  const claims = await verify(ACCESS, token);
  return claims && checkSession(claims.sid, new Date(), claims.gen);
}

/** Which session a refresh token is for, and which of its tokens it is; null when it is forged or too old. */
export async function readRefreshToken(token: string): Promise<{ id: string; generation: number } | null> {
  const claims = (await verify(REFRESH, token)) ?? (await verify(OLD_REFRESH, token));
  return claims && { id: claims.sid, generation: claims.generation };
}

/** What other services need to check access tokens by themselves (RFC 7517 §5): the key that signs, and the previous one. */
export async function publicKeys(): Promise<{ keys: (JWK & { kty: string; kid: string })[] }> {
  const keys = verificationKeys.map(async (key) => {
    const jwk = await exportJWK(key);
    return { ...jwk, kty: "OKP", kid: await calculateJwkThumbprint(jwk), alg: ACCESS.alg, use: "sig" };
  });
  return { keys: await Promise.all(keys) };
}

let knownKeyId: Promise<string> | undefined;

/** The name of the key that signs (RFC 7638). */
function keyId(): Promise<string> {
  knownKeyId ??= exportJWK(createPublicKey(privateKey)).then((key) => calculateJwkThumbprint(key));
  return knownKeyId;
}

async function sign(
  { alg, typ, audience }: Kind,
  claims: Record<string, string | number>,
  issuedAt: Date,
  expiresAt: Date,
): Promise<string> {
  const [key, kid] = alg === "EdDSA" ? [privateKey, { kid: await keyId() }] : [secretKeys[0] as KeyObject, {}];
  return new SignJWT(claims)
    .setProtectedHeader({ alg, ...kid, typ })
    .setIssuer(env.APP_URL)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(key);
}

async function verify<Schema extends z.ZodObject>(
  { alg, typ, audience, schema, keys }: Kind<Schema>,
  token: string,
): Promise<z.output<Schema> | null> {
  const options = { algorithms: [alg], issuer: env.APP_URL, audience, typ };
  for (const key of keys) {
    // It throws on whatever is no token of ours, which is anything that somebody may send.
    const verified = await jwtVerify(token, key, options).catch(() => null);
    if (verified) return schema.safeParse(verified.payload).data ?? null;
  }
  return null;
}
