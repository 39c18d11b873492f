import { createHash } from "node:crypto";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { type Grant, issueAuthorizationCode, redeemAuthorizationCode } from "@/lib/core/oauth/authorization-codes";
import type { AuthorizationRequest } from "@/lib/core/oauth/authorization-request";
import { addClient, ClientSettings, drawClientId, findClient, type OAuthClient } from "@/lib/core/oauth/clients";
import { drawToken } from "@/lib/core/oauth/random-token";
import { type IssuedTokens, issueOAuthTokens } from "@/lib/core/oauth/tokens";
import type { Session } from "@/lib/core/sessions/sessions";
import { transact } from "@/lib/db/database";
import { anybody, openSession, signUp } from "./people";

/** Adds an application with these settings: by default a confidential one at https://app.example/callback. */
export async function freshClient(
  settings: Partial<Record<keyof ClientSettings, unknown>> = {},
): Promise<{ client: OAuthClient; secret: string | null }> {
  const parsed = ClientSettings.parse({ name: "Tea", redirectUris: ["https://app.example/callback"], ...settings });
  const added = await transact((tx) => addClient(tx, { id: drawClientId(), settings: parsed }, new Date()));
  const client = added && (await findClient(added.id));
  if (!client) throw new Error("the client was not added");
  return { client, secret: added.secret };
}

/** Signs a person up and logs them in by phone. */
export async function freshSession(now = new Date()): Promise<{ userId: number; session: Session }> {
  const { userId, phone } = await signUp({ now });
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, anybody(), now);
  return { userId, session };
}

/** Returns a request of the application for `openid`, and the PKCE verifier that belongs to it. */
export function freshRequest(
  client: OAuthClient,
  asked: Partial<AuthorizationRequest> = {},
): { request: AuthorizationRequest; verifier: string } {
  const verifier = drawToken();
  const [redirectUri] = client.redirectUris;
  if (!redirectUri) throw new Error("the client has no redirect URI");
  const request: AuthorizationRequest = {
    client,
    redirectUri,
    scopes: ["openid"],
    state: null,
    nonce: null,
    codeChallenge: createHash("sha256").update(verifier).digest("base64url"),
    prompts: [],
    maxAgeS: null,
    loginHint: null,
    language: null,
    idTokenHint: null,
    invite: null,
    ...asked,
  };
  return { request, verifier };
}

/** Logs the session in at the application, which exchanges the code for tokens. */
export async function logInAt(
  client: OAuthClient,
  session: Session,
  asked: Partial<AuthorizationRequest> = {},
  now = new Date(),
): Promise<IssuedTokens & { grant: Grant }> {
  const { request, verifier } = freshRequest(client, asked);
  const code = await issueAuthorizationCode(request, session, { isAllowed: true, now });
  if (!code.ok) throw new Error(code.failure.name);
  const { redirectUri } = request;
  const grant = await redeemAuthorizationCode({ code: code.value, client, redirectUri, verifier }, now);
  if (!grant.ok) throw new Error(grant.failure.name);
  const tokens = await issueOAuthTokens(grant.value, client, now);
  if (!tokens) throw new Error("no account");
  return { ...tokens, grant: grant.value };
}
