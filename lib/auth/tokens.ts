import { createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { ACCESS_TOKEN_TTL_MS } from "@/lib/core/policy";
import { type ClientSession, checkSession, type Session } from "@/lib/core/sessions";
import { env } from "@/lib/env";

/** What stands before the 32 bytes of an Ed25519 key in its PKCS #8 form (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_BYTES = 32;

// Derived from the secret, so that every server has the same key and none has to keep it.
const seed = Buffer.from(hkdfSync("sha256", env.AUTH_SECRET, "", "sarafan token signature", KEY_BYTES));
const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
const publicKey = createPublicKey(privateKey);

const ALGORITHM = "EdDSA";
// Named in the header and by its audience, so that neither kind of token can stand in for the other (RFC 8725 §3.11).
const ACCESS = {
  typ: "JWT",
  audience: env.APP_URL,
  // Tokens that servers of an older version have issued lack `gen`.
  schema: z.object({ sub: z.string(), sid: z.uuid(), gen: z.int().optional() }),
};
const REFRESH = {
  typ: "refresh+jwt",
  audience: `${env.APP_URL}/api/auth/refresh_token/`,
  schema: z.object({ sid: z.uuid(), generation: z.int() }),
};

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
  const claims = await verify(REFRESH, token);
  return claims && { id: claims.sid, generation: claims.generation };
}

/** What other services need to check access tokens by themselves (RFC 7517 §5). */
export async function publicKeys(): Promise<{ keys: (JWK & { kty: string; kid: string })[] }> {
  return { keys: [{ ...(await exportJWK(publicKey)), kty: "OKP", kid: await keyId(), alg: ALGORITHM, use: "sig" }] };
}

let knownKeyId: Promise<string> | undefined;

function keyId(): Promise<string> {
  knownKeyId ??= exportJWK(publicKey).then((key) => calculateJwkThumbprint(key));
  return knownKeyId;
}

async function sign(
  { typ, audience }: { typ: string; audience: string },
  claims: Record<string, string | number>,
  issuedAt: Date,
  expiresAt: Date,
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, kid: await keyId(), typ })
    .setIssuer(env.APP_URL)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(privateKey);
}

async function verify<Schema extends z.ZodObject>(
  { typ, audience, schema }: { typ: string; audience: string; schema: Schema },
  token: string,
): Promise<z.output<Schema> | null> {
  const options = { algorithms: [ALGORITHM], issuer: env.APP_URL, audience, typ };
  // It throws on whatever is no token of ours, which is anything that somebody may send.
  const verified = await jwtVerify(token, publicKey, options).catch(() => null);
  return schema.safeParse(verified?.payload).data ?? null;
}
