import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { deriveKeys } from "@/lib/core/keys";
import { ACCESS_TOKEN_TTL_MS } from "@/lib/core/policy";
import { type ClientSession, checkSession, type Session } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";

/** The bytes before the 32 bytes of an Ed25519 private key in its PKCS #8 form (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

// The keys are derived from AUTH_SECRET, so that all servers have the same keys. The first key signs; all keys verify.
const [seed, ...previousSeeds] = deriveKeys("token signature");
const signingKey = privateKeyOf(seed);
const verificationKeys = [signingKey, ...previousSeeds.map(privateKeyOf)].map((key) => createPublicKey(key));
const refreshTokenKeys = deriveKeys("refresh token").map((key) => createSecretKey(key));

function privateKeyOf(bytes: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: "der", type: "pkcs8" });
}

/** How one kind of token is signed and verified. */
interface TokenKind<Schema extends z.ZodObject = z.ZodObject> {
  alg: "EdDSA" | "HS256";
  typ: string;
  audience: string;
  schema: Schema;
  keys: readonly KeyObject[];
}

// Access and refresh tokens differ in `typ` and audience, so that neither is accepted as the other (RFC 8725 §3.11).
const ACCESS_KIND = {
  alg: "EdDSA",
  typ: "JWT",
  audience: env.APP_URL,
  // `gen` is the session's generation. Access tokens that older versions issued lack it.
  schema: z.object({ sub: z.string(), sid: z.uuid(), gen: z.int().optional() }),
  keys: verificationKeys,
} as const satisfies TokenKind;
/** Signed by HMAC, which takes less processor time than EdDSA, because no other service has to verify refresh tokens. */
const REFRESH_KIND = {
  alg: "HS256",
  typ: "refresh+jwt",
  audience: `${env.APP_URL}/api/auth/refresh_token/`,
  schema: z.object({ sid: z.uuid(), generation: z.int() }),
  keys: refreshTokenKeys,
} as const satisfies TokenKind;
/** The refresh tokens of version 0.1, which were signed with EdDSA. They stay valid until they expire. */
const VERSION_0_1_REFRESH_KIND = { ...REFRESH_KIND, alg: "EdDSA", keys: verificationKeys } as const satisfies TokenKind;

/**
 * Makes the access and refresh token of a client application's session in its present generation, as signed JWTs (RFC 7515
 * §3.1). The access token is valid for `ACCESS_TOKEN_TTL_MS` from `now` on, but no longer than the session. The refresh token is computed from the session's row
 * alone, so two calls for one generation return the same refresh token.
 */
export async function issueTokens(
  session: ClientSession,
  now = new Date(),
): Promise<Record<"access" | "refresh", string>> {
  const { id: sid, userId, generation, refreshedAt, expiresAt } = session;
  const accessEndsAt = Math.min(now.getTime() + ACCESS_TOKEN_TTL_MS, expiresAt.getTime());
  const [access, refresh] = await Promise.all([
    sign(ACCESS_KIND, { sub: String(userId), sid, gen: generation }, now, new Date(accessEndsAt)),
    sign(REFRESH_KIND, { sub: String(userId), sid, generation }, refreshedAt, expiresAt),
  ]);
  return { access, refresh };
}

/** Returns the session of an access token, or null if the token is not valid or its session has ended. Reads one row. */
export async function readAccessToken(token: string): Promise<Session | null> {
  const claims = await verify(ACCESS_KIND, token);
  return claims && checkSession(claims.sid, new Date(), claims.gen);
}

/** Returns the session id and the generation that a refresh token names, or null if the token is forged or expired. */
export async function readRefreshToken(token: string): Promise<{ id: string; generation: number } | null> {
  const claims = (await verify(REFRESH_KIND, token)) ?? (await verify(VERSION_0_1_REFRESH_KIND, token));
  return claims && { id: claims.sid, generation: claims.generation };
}

/**
 * Returns the public keys of access tokens as a JWK Set (RFC 7517 §5): the present key and, with AUTH_SECRET_PREVIOUS, the
 * previous one. Other services verify access tokens with them.
 */
export async function publicKeys(): Promise<{ keys: (JWK & { kty: string; kid: string })[] }> {
  const keys = verificationKeys.map(async (key) => {
    const jwk = await exportJWK(key);
    return { ...jwk, kty: "OKP", kid: await calculateJwkThumbprint(jwk), alg: ACCESS_KIND.alg, use: "sig" };
  });
  return { keys: await Promise.all(keys) };
}

let knownKeyId: Promise<string> | undefined;

/** Returns the id of the key that signs access tokens (`kid`): its JWK thumbprint (RFC 7638). */
function keyId(): Promise<string> {
  knownKeyId ??= exportJWK(createPublicKey(signingKey)).then((key) => calculateJwkThumbprint(key));
  return knownKeyId;
}

async function sign(
  { alg, typ, audience }: TokenKind,
  claims: Record<string, string | number>,
  issuedAt: Date,
  expiresAt: Date,
): Promise<string> {
  const [key, kid] = alg === "EdDSA" ? [signingKey, { kid: await keyId() }] : [refreshTokenKeys[0] as KeyObject, {}];
  return new SignJWT(claims)
    .setProtectedHeader({ alg, ...kid, typ })
    .setIssuer(env.APP_URL)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(key);
}

async function verify<Schema extends z.ZodObject>(
  { alg, typ, audience, schema, keys }: TokenKind<Schema>,
  token: string,
): Promise<z.output<Schema> | null> {
  const options = { algorithms: [alg], issuer: env.APP_URL, audience, typ };
  for (const key of keys) {
    // jose throws for a token that is not valid. A client may send any text as a token.
    const verified = await jwtVerify(token, key, options).catch(() => null);
    if (verified) return schema.safeParse(verified.payload).data ?? null;
  }
  return null;
}
