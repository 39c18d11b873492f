import { makeHandlers } from "@/lib/apis/handlers";
import { getClaims } from "@/lib/core/oauth/claims";
import { readOAuthAccessToken } from "@/lib/core/oauth/tokens";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readBearer } from "@/lib/http/authorization";
import { NO_STORE } from "@/lib/http/caching";
import {
  type OAuthRefusal,
  readParameters,
  refusal,
  refuse,
  respondWithRefusal,
  SHARED_WITH_PUBLIC_CLIENTS,
} from "./oauth";

/** Serves `/oauth/userinfo`: what the scopes of an access token tell of its person (OpenID Connect Core §5.3). */
export const userinfo = makeHandlers({ GET: answer, POST: answer }, { sharing: SHARED_WITH_PUBLIC_CLIENTS, refuse });

async function answer(request: Request): Promise<Response> {
  const token = await readToken(request);
  if (!token.ok) return respondWithRefusal(token.failure);
  const grant = await readOAuthAccessToken(token.value);
  const claims = grant && (await getClaims(grant));
  return claims ? Response.json(claims, { headers: NO_STORE }) : respondWithRefusal(INVALID_TOKEN);
}

/** Makes a refusal with the challenge of RFC 6750 §3.1. */
function challenge(status: number, error: string, description: string): OAuthRefusal {
  const headers = { "WWW-Authenticate": `Bearer error="${error}", error_description="${description}"` };
  return refusal(error, description, { status, headers });
}

const INVALID_TOKEN = challenge(401, "invalid_token", "the access token is not valid, or its login is over");
/** Without an error in its challenge, because the client may not have known that a token is needed (RFC 6750 §3.1). */
const TOKEN_MISSING = refusal("invalid_token", "send an access token", {
  name: "credentials_missing",
  status: 401,
  headers: { "WWW-Authenticate": "Bearer" },
});

/**
 * Reads the access token from the header, or from the form of a POST (RFC 6750 §2.1, §2.2). Addresses are logged and kept in histories, so
 * a token in the query is refused (OAuth 2.1 §5.2).
 */
async function readToken(request: Request): Promise<Result<string, OAuthRefusal>> {
  if (new URL(request.url).searchParams.has("access_token"))
    return fail(challenge(400, "invalid_request", "an access token must not be in the address"));
  const form = request.method === "POST" ? await readParameters(request, ["access_token"]) : null;
  if (form?.ok === false) return form;
  const [header, field] = [readBearer(request.headers), form?.value.access_token ?? null];
  if (header !== null && field !== null)
    return fail(challenge(400, "invalid_request", "send the access token in one place"));
  const token = header ?? field;
  return token === null ? fail(TOKEN_MISSING) : succeed(token);
}
