import { lockAccount } from "@/lib/core/accounts/accounts";
import { fail, type Result, succeed } from "@/lib/core/result";
import { transact } from "@/lib/db/database";
import { findGrant, REMOVE_GRANT } from "./authorization-codes";
import type { OAuthClient } from "./clients";
import { readRefreshToken } from "./refresh-tokens";
import { readGrantOfAccessToken } from "./tokens";

/**
 * Ends the grant of a refresh token or access token, and all of its tokens with it (RFC 7009 §2.1). Does nothing for a token that is not
 * valid any more, or never was (§2.2).
 *
 * Fails with `token_of_another_client` if the token was given to another application. Only an application with a secret is told so: any
 * stranger can name a public client, and could try texts.
 */
export async function revokeToken(
  token: string,
  client: Pick<OAuthClient, "id" | "isPublic">,
  now = new Date(),
): Promise<Result<null, { name: "token_of_another_client" }>> {
  const id = readRefreshToken(token)?.id ?? (await readGrantOfAccessToken(token, now));
  const grant = id && (await findGrant(id, now));
  if (!grant) return succeed(null);
  if (grant.clientId !== client.id) return client.isPublic ? succeed(null) : fail({ name: "token_of_another_client" });
  await transact(async (tx) => {
    // All transactions lock the account before they change its sessions, or what their end deletes.
    if (await lockAccount(tx, grant.userId)) tx.queue(REMOVE_GRANT, { id: grant.id });
  });
  return succeed(null);
}
