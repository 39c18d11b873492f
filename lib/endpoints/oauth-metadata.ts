import { z } from "zod";
import { type Api, address, reply } from "@/lib/apis/engine";
import { ISSUER } from "@/lib/core/oauth/authorization-request";
import { Scope } from "@/lib/core/oauth/scopes";
import { publishKeys, SigningAlgorithm } from "@/lib/core/oauth/signing-keys";
import { CACHED_FIVE_MINUTES, service } from "./service";

/** What client libraries read before anything else. It has nothing secret, so the pages of each origin may read it. */
const metadata: Api = {
  ...service,
  sharing: {
    origins: "any",
    requestHeaders: "Content-Type",
    responseHeaders: "Sarafan-Error, Retry-After, X-Request-Id",
  },
};

const SECRET_METHODS = ["client_secret_basic", "client_secret_post", "none"];

const Texts = z.array(z.string());
const Document = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  userinfo_endpoint: z.string(),
  jwks_uri: z.string(),
  revocation_endpoint: z.string(),
  end_session_endpoint: z.string(),
  service_documentation: z.string(),
  scopes_supported: Texts,
  response_types_supported: Texts,
  response_modes_supported: Texts,
  grant_types_supported: Texts,
  code_challenge_methods_supported: Texts,
  token_endpoint_auth_methods_supported: Texts,
  revocation_endpoint_auth_methods_supported: Texts,
  subject_types_supported: Texts,
  id_token_signing_alg_values_supported: Texts,
  acr_values_supported: Texts,
  prompt_values_supported: Texts,
  ui_locales_supported: Texts,
  claim_types_supported: Texts,
  claims_supported: Texts,
  claims_parameter_supported: z.boolean(),
  request_parameter_supported: z.boolean(),
  request_uri_parameter_supported: z.boolean(),
  authorization_response_iss_parameter_supported: z.boolean(),
  backchannel_logout_supported: z.boolean(),
  backchannel_logout_session_supported: z.boolean(),
});

/** What this server can do (OpenID Connect Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3, Back-Channel Logout 1.0 §2.1). */
const DOCUMENT: z.input<typeof Document> = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/oauth/authorize`,
  token_endpoint: `${ISSUER}/oauth/token`,
  userinfo_endpoint: `${ISSUER}/oauth/userinfo`,
  jwks_uri: `${ISSUER}/oauth/jwks`,
  revocation_endpoint: `${ISSUER}/oauth/revoke`,
  end_session_endpoint: `${ISSUER}/oauth/logout`,
  service_documentation: `${ISSUER}/docs`,
  scopes_supported: [...Scope.options],
  response_types_supported: ["code"],
  response_modes_supported: ["query"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  code_challenge_methods_supported: ["S256"],
  token_endpoint_auth_methods_supported: SECRET_METHODS,
  revocation_endpoint_auth_methods_supported: SECRET_METHODS,
  subject_types_supported: ["pairwise"],
  id_token_signing_alg_values_supported: [...SigningAlgorithm.options],
  acr_values_supported: ["urn:sarafan:phone", "urn:sarafan:email"],
  prompt_values_supported: ["none", "login", "consent"],
  ui_locales_supported: ["ru", "en"],
  claim_types_supported: ["normal"],
  claims_supported: [
    ...["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"],
    ...["phone_number", "phone_number_verified", "email", "email_verified"],
    ...["invite_code", "invited_by", "referral_count", "first_login"],
  ],
  claims_parameter_supported: false,
  request_parameter_supported: false,
  request_uri_parameter_supported: false,
  authorization_response_iss_parameter_supported: true,
  backchannel_logout_supported: true,
  backchannel_logout_session_supported: true,
};

function describeServer(path: string, summary: string) {
  return address(metadata, path, (endpoint) => ({
    GET: endpoint({
      summary,
      who: "anybody",
      answer: { body: Document },
      run: async () => reply(DOCUMENT, CACHED_FIVE_MINUTES),
      failures: {},
    }),
  }));
}

/** Serves the description of this server at the two addresses where client libraries look for it. */
export const openIdConfiguration = describeServer(
  "/.well-known/openid-configuration",
  "What «Log in with Sarafan» can do, and its addresses (OpenID Connect Discovery 1.0)",
);
export const authorizationServer = describeServer(
  "/.well-known/oauth-authorization-server",
  "The same document at the address of RFC 8414",
);

/** Serves the public keys that sign the tokens of applications. */
export const applicationKeys = address(metadata, "/oauth/jwks", (endpoint) => ({
  GET: endpoint({
    summary: "The public keys that ID tokens and the access tokens of applications can be verified with (RFC 7517)",
    who: "anybody",
    answer: { body: z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) }) },
    run: async () => reply(await publishKeys(), CACHED_FIVE_MINUTES),
    failures: {},
  }),
}));
