import { createHash, randomUUID } from "node:crypto";
import { compactVerify, createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { runInBackground } from "@/lib/core/background";
import { wasCodeSentBySms } from "@/lib/core/challenges/deliveries";
import { ACCESS_TOKEN_TTL_MS, ID_TOKEN_TTL_MS } from "@/lib/core/policy";
import { statement, transact } from "@/lib/db/database";
import { checkSessionOfGrant, findGrant, type Grant, RECORD_FIRST_LOGIN } from "./authorization-codes";
import { ISSUER } from "./authorization-request";
import type { OAuthClient } from "./clients";
import { spellRefreshToken } from "./refresh-tokens";
import { readScopes, spellScopes } from "./scopes";
import { getSigningKey, listPublicKeys, SigningAlgorithm } from "./signing-keys";
import { getPairwiseSubject, pairwiseSessionId } from "./subjects";

/** The tokens of an exchanged code or refresh token. */
export interface IssuedTokens {
  accessToken: string;
  idToken: string;
  /** Null without `offline_access`. */
  refreshToken: string | null;
  /** For how many seconds the access token is valid. */
  expiresInS: number;
}

/**
 * The audience of access tokens (RFC 9068 §2.2): the address that tells claims. The five APIs have another one, other keys and another
 * `typ`, so that they refuse these tokens.
 */
const ACCESS_AUDIENCE = `${ISSUER}/oauth/userinfo`;
/** The type of access tokens (RFC 9068 §2.1), by which no service takes one for an ID token (RFC 8725 §3.11). */
const ACCESS_TYPE = "at+jwt";

const ID_TYPE = "JWT";

/**
 * Returns how the person logged in: `amr` (RFC 8176 §2) and `acr`. Each login is by one code, so `amr` never has `mfa`.
 */
async function describeLogin({ provenPhone, loggedInAt }: Grant): Promise<{ amr: string[]; acr: string }> {
  if (provenPhone === null) return { amr: ["otp"], acr: "urn:sarafan:email" };
  const isSms = await wasCodeSentBySms(provenPhone, loggedInAt);
  return { amr: isSms ? ["otp", "sms"] : ["otp"], acr: "urn:sarafan:phone" };
}

/**
 * Makes the access token (RFC 9068) and the ID token (OpenID Connect Core §2) of a grant, signed with the application's algorithm. They
 * are valid for `ACCESS_TOKEN_TTL_MS` and `ID_TOKEN_TTL_MS`, but no longer than the session. Returns null if the account was deleted.
 *
 * The ID token contains no phone and no mailbox: an application puts it into the address of /oauth/logout (`id_token_hint`), and
 * addresses are logged and kept in histories.
 */
export async function issueOAuthTokens(
  grant: Grant,
  client: Pick<OAuthClient, "id" | "signingAlgorithm">,
  now = new Date(),
): Promise<IssuedTokens | null> {
  const [sub, key, { amr, acr }] = await Promise.all([
    getPairwiseSubject({ userId: grant.userId, clientId: client.id }),
    getSigningKey(client.signingAlgorithm, now),
    describeLogin(grant),
  ]);
  if (sub === null) return null;
  const sign = (
    claims: Record<string, unknown>,
    { typ, audience, ttlMs }: { typ: string; audience: string; ttlMs: number },
  ) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: key.algorithm, kid: key.id, typ })
      .setIssuer(ISSUER)
      .setSubject(sub)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(endOf(grant, ttlMs, now))
      .sign(key.privateKey);

  const login = { auth_time: Math.floor(grant.loggedInAt.getTime() / 1000), amr, acr };
  const scope = spellScopes(grant.scopes);
  const { id, generation } = grant;
  const accessClaims = {
    ...{ client_id: client.id, scope, jti: randomUUID(), grant_id: id, ...login },
    ...(generation !== null && { generation }),
  };
  const accessToken = await sign(accessClaims, {
    typ: ACCESS_TYPE,
    audience: ACCESS_AUDIENCE,
    ttlMs: ACCESS_TOKEN_TTL_MS,
  });
  const idClaims = {
    ...login,
    ...(grant.nonce !== null && { nonce: grant.nonce }),
    at_hash: hashOfAccessToken(accessToken, key.algorithm),
    sid: pairwiseSessionId(grant.firstSessionId, client.id),
  };
  const idToken = await sign(idClaims, { typ: ID_TYPE, audience: client.id, ttlMs: ID_TOKEN_TTL_MS });
  const expiresInS = Math.floor((endOf(grant, ACCESS_TOKEN_TTL_MS, now).getTime() - now.getTime()) / 1000);
  const refreshToken = generation === null ? null : spellRefreshToken({ id, generation });
  return { accessToken, idToken, refreshToken, expiresInS };
}

function endOf({ endsAt }: Grant, ttlMs: number, now: Date): Date {
  return new Date(Math.min(now.getTime() + ttlMs, endsAt.getTime()));
}

/**
 * Returns the `at_hash` of an access token (OpenID Connect Core §3.1.3.6): the first half of its hash by the hash function of the
 * signature. That of Ed25519 is SHA-512 (RFC 8032 §5.1).
 */
function hashOfAccessToken(token: string, algorithm: SigningAlgorithm): string {
  const hash = createHash(algorithm === "EdDSA" ? "sha512" : "sha256")
    .update(token)
    .digest();
  return hash.subarray(0, hash.length / 2).toString("base64url");
}

const AccessClaims = z.object({
  client_id: z.string(),
  scope: z.string(),
  grant_id: z.uuid(),
  generation: z.int().optional(),
});

async function verifyAccessToken(token: string, now: Date): Promise<z.output<typeof AccessClaims> | null> {
  const keys = createLocalJWKSet(await listPublicKeys(now));
  const options = {
    algorithms: [...SigningAlgorithm.options],
    issuer: ISSUER,
    audience: ACCESS_AUDIENCE,
    typ: ACCESS_TYPE,
    currentDate: now,
  };
  // jose throws for a token that is not valid. A client may send any text as a token.
  const verified = await jwtVerify(token, keys, options).catch(() => null);
  return AccessClaims.safeParse(verified?.payload).data ?? null;
}

/** Returns the id of the grant that an access token names, or null if the token is not valid. The grant may have ended. */
export async function readGrantOfAccessToken(token: string, now = new Date()): Promise<string | null> {
  return (await verifyAccessToken(token, now))?.grant_id ?? null;
}

const MARK_GENERATION_AS_USED = statement({
  params: { id: "text", generation: "integer" },
  sql: `UPDATE "OAuthGrant" SET "isGenerationUsed" = TRUE WHERE "id" = :id AND "generation" = :generation`,
});

/**
 * Returns the grant of an access token, with the scopes of the token, or null if the token is not valid or its grant or session has ended.
 * Counts as a use of the session. Also stores the first use of each generation of access tokens, because older refresh tokens are refused
 * after it, and that of any access token of the account at this application, after which no login is the first. These writes run in the background, because a read must neither fail nor wait when the database takes no writes.
 */
export async function readOAuthAccessToken(token: string, now = new Date()): Promise<Grant | null> {
  const claims = await verifyAccessToken(token, now);
  const grant = claims && (await findGrant(claims.grant_id, now));
  if (!grant || grant.clientId !== claims.client_id || !(await checkSessionOfGrant(grant, now))) return null;
  const { id, userId, clientId, generation, isGenerationUsed } = grant;
  if (grant.firstLoginAt === null)
    void runInBackground(`first login of ${userId} at ${clientId}`, () =>
      transact(async (tx) => tx.queue(RECORD_FIRST_LOGIN, { userId, clientId, now })),
    );
  if (generation && generation === claims.generation && !isGenerationUsed) {
    const use = { id, generation };
    void runInBackground(`use of ${id} ${generation}`, () =>
      transact(async (tx) => tx.queue(MARK_GENERATION_AS_USED, use)),
    );
  }
  const named = readScopes(claims.scope);
  return { ...grant, scopes: grant.scopes.filter((scope) => named.includes(scope)) };
}

const HintClaims = z.object({ iss: z.literal(ISSUER), aud: z.string(), sub: z.string(), sid: z.string() });

/**
 * Returns which person and session an ID token of this server names to which application, or null if another server made it. It may have
 * expired, because an application keeps the ID token of its session's beginning (`id_token_hint`, OpenID Connect Core §3.1.2.1,
 * RP-Initiated Logout §2).
 */
export async function readIdTokenHint(
  token: string,
  now = new Date(),
): Promise<{ clientId: string; sub: string; sid: string } | null> {
  const keys = createLocalJWKSet(await listPublicKeys(now));
  const algorithms = [...SigningAlgorithm.options];
  // jose throws for a token that is not valid. Any text may stand in an address.
  const verified = await compactVerify(token, keys, { algorithms }).catch(() => null);
  if (verified?.protectedHeader.typ !== ID_TYPE) return null;
  const claims = HintClaims.safeParse(JSON.parse(Buffer.from(verified.payload).toString())).data;
  return claims ? { clientId: claims.aud, sub: claims.sub, sid: claims.sid } : null;
}
