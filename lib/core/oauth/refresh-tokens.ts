import { createHmac, timingSafeEqual } from "node:crypto";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { deriveKeys } from "@/lib/core/keys";
import { REFRESH_ANSWER_LOST_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { statement, transact } from "@/lib/db/database";
import {
  checkSessionOfGrant,
  endCopiedGrant,
  FIND_GRANT,
  findGrant,
  type Grant,
  grantOf,
  RECORD_FIRST_LOGIN,
} from "./authorization-codes";
import type { OAuthClient } from "./clients";

const KEYS = deriveKeys("refresh tokens of applications");
const REFRESH_TOKEN_PATTERN = /^([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.(\d{1,9})\.([\w-]{43})$/;

/** A grant and the generation of its refresh token. */
export interface RefreshRef {
  id: string;
  generation: number;
}

/**
 * Returns the refresh token of a grant in this generation: its name and an HMAC. It is computed from the name alone, so that an
 * application whose answer was lost gets the same token again.
 */
export function spellRefreshToken({ id, generation }: RefreshRef): string {
  return `${id}.${generation}.${signatureOf(`${id}.${generation}`, KEYS[0])}`;
}

/** Returns the grant and generation that a refresh token names; null for text that this server has not made. */
export function readRefreshToken(token: string): RefreshRef | null {
  const [, id = "", generation = "", signature = ""] = REFRESH_TOKEN_PATTERN.exec(token) ?? [];
  const isOurs = KEYS.some((key) => {
    const expected = Buffer.from(signatureOf(`${id}.${generation}`, key));
    return expected.length === signature.length && timingSafeEqual(expected, Buffer.from(signature));
  });
  return isOurs ? { id, generation: Number(generation) } : null;
}

function signatureOf(name: string, key: Buffer): string {
  return createHmac("sha256", key).update(name).digest("base64url");
}

const EXCHANGE_REFRESH_TOKEN = statement({
  params: { id: "text", generation: "integer", now: "time" },
  row: { id: "text" },
  sql: `
    UPDATE "OAuthGrant" SET "generation" = "generation" + 1, "isGenerationUsed" = FALSE, "refreshedAt" = :now
    WHERE "id" = :id AND "generation" = :generation RETURNING "id"`,
});

/**
 * Exchanges a refresh token for that of the next generation (OAuth 2.1 §4.3.1), and returns the grant as it is then. The same token gets
 * the same successor again, in case the answer was lost, within `REFRESH_ANSWER_LOST_MS` and until that successor is used: its refresh
 * token is exchanged, or an access token of its generation arrives at /oauth/userinfo. `scope` is the text of the request, which can only name scopes that the grant
 * has; null keeps them all. Counts as a use of the session, so that the session of an idle browser stays while its applications are used.
 *
 * Failures:
 * - `token_invalid`: the token is unknown, the client another one or without `offline_access`, or the grant or its session has ended. A
 *   token that was exchanged and gets no successor again is a sign of a stolen token. It also ends the grant, of which the application is
 *   told (RFC 9700 §4.14.2).
 * - `scope_invalid`: the request names a scope that the grant lacks, or leaves `openid` out. The token stays as it is.
 */
export async function refreshGrant(
  { token, client, scope }: { token: string; client: Pick<OAuthClient, "id">; scope: string | null },
  now = new Date(),
): Promise<Result<Grant, { name: "token_invalid" | "scope_invalid" }>> {
  const named = readRefreshToken(token);
  const known = named && (await findGrant(named.id, now));
  if (!known || known.clientId !== client.id || known.generation === null) return fail({ name: "token_invalid" });
  // Applies due changes of the account, which may end the session, and stores that the session was used.
  if (!(await checkSessionOfGrant(known, now))) return fail({ name: "token_invalid" });
  const asked = scope === null ? null : scope.split(" ").filter(Boolean);
  const isBeyond = asked?.some((name) => !known.scopes.some((granted) => granted === name));
  if (isBeyond || asked?.includes("openid") === false) return fail({ name: "scope_invalid" });

  const refreshed = await transact(async (tx): Promise<Grant | null> => {
    if (!(await lockAccount(tx, known.userId))) return null;
    const before = await tx.get(FIND_GRANT, { id: named.id, now });
    if (!before) return null;
    const { generation, isGenerationUsed, refreshedAt } = grantOf(before);
    if (generation === null || refreshedAt === null) return null;
    const isSoon = now.getTime() - refreshedAt.getTime() < REFRESH_ANSWER_LOST_MS;
    const isAnswerLost = generation === named.generation + 1 && !isGenerationUsed && isSoon;
    if (isAnswerLost) return grantOf(before);
    if (await tx.get(EXCHANGE_REFRESH_TOKEN, { ...named, now })) {
      tx.queue(RECORD_FIRST_LOGIN, { userId: known.userId, clientId: client.id, now });
      const row = await tx.get(FIND_GRANT, { id: named.id, now });
      return row ? grantOf(row) : null;
    }
    await endCopiedGrant(tx, known, now);
    return null;
  });
  if (!refreshed) return fail({ name: "token_invalid" });
  // An ID token of a refresh has no nonce, which belongs to the request of the login (OpenID Connect Core §12.2).
  return succeed({
    ...refreshed,
    nonce: null,
    scopes: refreshed.scopes.filter((name) => asked?.includes(name) ?? true),
  });
}
