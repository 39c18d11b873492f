import { makeHandlers } from "@/lib/apis/handlers";
import { type Grant, isVerifier, redeemAuthorizationCode } from "@/lib/core/oauth/authorization-codes";
import type { OAuthClient } from "@/lib/core/oauth/clients";
import { refreshGrant } from "@/lib/core/oauth/refresh-tokens";
import { revokeToken } from "@/lib/core/oauth/revocation";
import { spellScopes } from "@/lib/core/oauth/scopes";
import { issueOAuthTokens } from "@/lib/core/oauth/tokens";
import { fail, type Result } from "@/lib/core/result";
import { NO_STORE } from "@/lib/http/caching";
import {
  authenticateRequest,
  CLIENT_PARAMETERS,
  type OAuthRefusal,
  type Parameters,
  readParameters,
  refusal,
  refuse,
  respondWithRefusal,
  SHARED_WITH_PUBLIC_CLIENTS,
} from "./oauth";

const TOKEN_PARAMETERS = [
  ...CLIENT_PARAMETERS,
  "grant_type",
  "code",
  "redirect_uri",
  "code_verifier",
  "refresh_token",
  "scope",
] as const;
type TokenParameters = Parameters<(typeof TOKEN_PARAMETERS)[number]>;

/** Serves `/oauth/token`: exchanges an authorization code or a refresh token (OAuth 2.1 §3.2, OpenID Connect Core §3.1.3 and §12). */
export const token = makeHandlers(
  {
    POST: async (request) => {
      const parameters = await readParameters(request, TOKEN_PARAMETERS);
      if (!parameters.ok) return respondWithRefusal(parameters.failure);
      const client = await authenticateRequest(request, parameters.value);
      if (!client.ok) return respondWithRefusal(client.failure);
      const grant = await exchange(parameters.value, client.value);
      if (!grant.ok) return respondWithRefusal(grant.failure);
      return respondWithTokens(grant.value, client.value);
    },
  },
  { sharing: SHARED_WITH_PUBLIC_CLIENTS, refuse },
);

function exchange(parameters: TokenParameters, client: OAuthClient): Promise<Result<Grant, OAuthRefusal>> {
  const { grant_type } = parameters;
  if (grant_type === "authorization_code") return exchangeCode(parameters, client);
  if (grant_type === "refresh_token") return exchangeRefreshToken(parameters, client);
  const failure =
    grant_type === null
      ? refusal("invalid_request", "grant_type is missing")
      : refusal("unsupported_grant_type", "grant_type must be authorization_code or refresh_token");
  return Promise.resolve(fail(failure));
}

/** The same for each failure, so that a stranger doesn't learn which part of a stolen code is missing. */
const CODE_REFUSAL = refusal("invalid_grant", "the code is not valid for this client, redirect_uri and code_verifier");

async function exchangeCode(
  { code, redirect_uri: redirectUri, code_verifier: verifier }: TokenParameters,
  client: OAuthClient,
): Promise<Result<Grant, OAuthRefusal>> {
  if (code === null) return fail(refusal("invalid_request", "code is missing"));
  if (redirectUri === null) return fail(refusal("invalid_request", "redirect_uri is missing"));
  if (verifier !== null && !isVerifier(verifier))
    return fail(refusal("invalid_request", "code_verifier must be 43 to 128 unreserved characters"));
  const grant = await redeemAuthorizationCode({ code, client, redirectUri, verifier: verifier ?? "" });
  return grant.ok ? grant : fail(CODE_REFUSAL);
}

const REFRESH_REFUSALS = {
  token_invalid: refusal("invalid_grant", "the refresh token is not valid for this client"),
  scope_invalid: refusal("invalid_scope", "scope must contain openid, and nothing that the login didn't give"),
};

async function exchangeRefreshToken(
  { refresh_token: refreshToken, scope }: TokenParameters,
  client: OAuthClient,
): Promise<Result<Grant, OAuthRefusal>> {
  if (refreshToken === null) return fail(refusal("invalid_request", "refresh_token is missing"));
  const grant = await refreshGrant({ token: refreshToken, client, scope });
  return grant.ok ? grant : fail(REFRESH_REFUSALS[grant.failure.name]);
}

/** Responds with the tokens of a grant (OAuth 2.1 §3.2.3). */
async function respondWithTokens(grant: Grant, client: OAuthClient): Promise<Response> {
  const issued = await issueOAuthTokens(grant, client);
  if (!issued) return respondWithRefusal(refusal("invalid_grant", "the account was deleted"));
  const { accessToken, idToken, refreshToken, expiresInS } = issued;
  const body = {
    access_token: accessToken,
    token_type: "Bearer",
    expires_in: expiresInS,
    ...(refreshToken !== null && { refresh_token: refreshToken }),
    id_token: idToken,
    scope: spellScopes(grant.scopes),
  };
  return Response.json(body, { headers: NO_STORE });
}

/** Serves `/oauth/revoke`: ends the tokens of a login at an application (RFC 7009). `token_type_hint` is not needed, and ignored. */
export const revoke = makeHandlers(
  {
    POST: async (request) => {
      const parameters = await readParameters(request, [...CLIENT_PARAMETERS, "token", "token_type_hint"]);
      if (!parameters.ok) return respondWithRefusal(parameters.failure);
      const client = await authenticateRequest(request, parameters.value);
      if (!client.ok) return respondWithRefusal(client.failure);
      const { token: revoked } = parameters.value;
      if (revoked === null) return respondWithRefusal(refusal("invalid_request", "token is missing"));
      const done = await revokeToken(revoked, client.value);
      if (!done.ok) return respondWithRefusal(refusal("invalid_request", "the token was given to another client"));
      return new Response(null, { headers: NO_STORE });
    },
  },
  { sharing: SHARED_WITH_PUBLIC_CLIENTS, refuse },
);
