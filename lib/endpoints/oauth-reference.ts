import type { Json } from "@/lib/apis/engine";
import type { Supplement } from "@/lib/apis/openapi";
import { ISSUER } from "@/lib/core/oauth/authorization-request";
import type { Scope } from "@/lib/core/oauth/scopes";

// The addresses that applications call, as the OpenAPI document describes them. Their requests and answers have the form that OAuth and
// OpenID Connect prescribe, so they are no addresses of the engine, which derives such descriptions.

type JsonObject = { [name: string]: Json };

const TAG = {
  name: "Log in with Sarafan",
  description:
    "What applications call after a person has logged in to them with their account here, by OpenID Connect. «Authorize» at `oauth2` begins such a login. docs/oidc.md has the rules.",
};

const FORM = "application/x-www-form-urlencoded";

const SCOPES: Record<Scope, string> = {
  openid: "who logged in, by an identifier for this application only",
  phone: "the proven phone number",
  email: "the proven e-mail address",
  referral: "the invite code, who invited the person, and how many people they invited",
  offline_access: "a refresh token",
};

/** The errors of an answer by its status: the names in `Sarafan-Error`, with the `error` of the body where it is another one. */
type Failures = Record<number, Record<string, string>>;

/** What each of these addresses may answer. */
const ALWAYS: Failures = {
  403: { origin_foreign: "invalid_request" },
  500: { unexpected: "server_error" },
  503: { database_away: "temporarily_unavailable" },
};
const WITH_BODY: Failures = {
  400: {
    invalid_request: "invalid_request",
    media_type_unsupported: "invalid_request",
    body_malformed: "invalid_request",
  },
  413: { body_too_large: "invalid_request" },
};
const WITH_CLIENT: Failures = {
  401: { invalid_client: "invalid_client" },
  429: { budget_spent: "invalid_client" },
};
const WITH_TOKEN: Failures = {
  400: { invalid_request: "invalid_request" },
  401: { invalid_token: "invalid_token", credentials_missing: "invalid_token" },
};

const text = (description: string, more: JsonObject = {}): JsonObject => ({ type: "string", description, ...more });

function describeForm(properties: JsonObject, example: Record<string, string>): JsonObject {
  const required = Object.keys(example);
  const schema = { type: "object", properties, ...(required.length > 0 && { required }) };
  return { required: required.length > 0, content: { [FORM]: { schema, example } } };
}

function describeJson(properties: JsonObject, required: string[]): JsonObject {
  return { content: { "application/json": { schema: { type: "object", properties, required } } } };
}

const HEADERS: Record<number, JsonObject> = {
  401: { "WWW-Authenticate": { description: "RFC 6750 §3.", schema: { type: "string" } } },
  429: { "Retry-After": { description: "Seconds until it is worth another try.", schema: { type: "integer" } } },
  503: { "Retry-After": { description: "Seconds until it is worth another try.", schema: { type: "integer" } } },
};

function describeFailures(...all: Failures[]): JsonObject {
  const statuses = new Set(all.flatMap(Object.keys).map(Number));
  return Object.fromEntries([...statuses].map((status) => [status, describeFailure(status, all)]));
}

function describeFailure(status: number, all: Failures[]): JsonObject {
  const named = Object.assign({}, ...all.map((failures) => failures[status])) as Record<string, string>;
  const names = Object.keys(named);
  const errors = [...new Set(Object.values(named))];
  const error = text("What is wrong (RFC 6749 §5.2).", { enum: errors });
  const body = { error, error_description: text("The same for developers, in English.") };
  return {
    description: names.join(", "),
    headers: {
      "Sarafan-Error": {
        description: "What is wrong, by its stable name.",
        schema: { type: "string", enum: names },
      },
      ...HEADERS[status],
    },
    ...describeJson(body, ["error", "error_description"]),
  };
}

/** An application has a secret, or is public and sends its `client_id` alone. */
const CLIENT_SECURITY = [{ client: [] }, {}];
const CLIENT_FIELDS = {
  client_id: text("Needed without `Authorization: Basic`."),
  client_secret: text("Of a confidential application, without `Authorization: Basic`."),
};

const CLAIMS = {
  sub: text("The identifier of the person for this application only."),
  phone_number: text("With `phone`, if it is proven. E.164."),
  phone_number_verified: { type: "boolean", const: true },
  email: text("With `email`, if there is one."),
  email_verified: { type: "boolean", const: true },
  invite_code: text("With `referral`: the person's own."),
  invited_by: { type: ["string", "null"], description: "With `referral`: the `sub` of the inviter." },
  referral_count: { type: "integer", description: "With `referral`: how many people the person invited." },
  first_login: { type: "boolean", description: "With `referral`: whether it is the first login at this application." },
};

const TOKENS = {
  access_token: text("A JWT (RFC 9068) for /oauth/userinfo."),
  token_type: { type: "string", const: "Bearer" },
  expires_in: { type: "integer", description: "In seconds." },
  refresh_token: text("With `offline_access`."),
  id_token: text("A JWT (OpenID Connect Core §2)."),
  scope: text("What the person allowed."),
};

const describeOperation = (operation: JsonObject) => ({ tags: [TAG.name], parameters: [], ...operation });

/** What /oauth/userinfo answers to GET and POST. `failures` are those that the method adds. */
const describeUserinfo = (more: JsonObject, failures: Failures = {}) =>
  describeOperation({
    summary: "What the scopes of an access token tell of its person (OpenID Connect Core §5.3)",
    security: [{ oauth2: ["openid"] }],
    ...more,
    responses: {
      200: { description: "Done", ...describeJson(CLAIMS, ["sub"]) },
      ...describeFailures(WITH_TOKEN, failures, ALWAYS),
    },
  });

/** Describes `/oauth/token`, `/oauth/userinfo` and `/oauth/revoke`, and how a login gets an access token. */
export const OAUTH_REFERENCE: Supplement = {
  tag: TAG,
  securitySchemes: {
    oauth2: {
      type: "oauth2",
      description:
        "The login of an application: authorization code with PKCE. Leave the secret empty for a public application.",
      flows: {
        authorizationCode: {
          authorizationUrl: `${ISSUER}/oauth/authorize`,
          tokenUrl: `${ISSUER}/oauth/token`,
          refreshUrl: `${ISSUER}/oauth/token`,
          scopes: SCOPES,
        },
      },
    },
    client: {
      type: "http",
      scheme: "basic",
      description: "The `client_id` and `client_secret` of a confidential application (client_secret_basic).",
    },
  },
  paths: {
    "/oauth/token": {
      post: describeOperation({
        operationId: "post-oauth-token",
        summary: "Exchange an authorization code or a refresh token (OAuth 2.1 §3.2)",
        security: CLIENT_SECURITY,
        requestBody: describeForm(
          {
            grant_type: text("What is exchanged.", { examples: ["authorization_code", "refresh_token"] }),
            ...CLIENT_FIELDS,
            code: text("With authorization_code."),
            redirect_uri: text("With authorization_code: that of the login."),
            code_verifier: text("With authorization_code: that of the login's `code_challenge`."),
            refresh_token: text("With refresh_token."),
            scope: text("With refresh_token: fewer scopes than the person allowed."),
          },
          { grant_type: "authorization_code" },
        ),
        responses: {
          200: {
            description: "Done",
            ...describeJson(TOKENS, ["access_token", "token_type", "expires_in", "id_token", "scope"]),
          },
          ...describeFailures(
            WITH_BODY,
            {
              400: {
                invalid_grant: "invalid_grant",
                invalid_scope: "invalid_scope",
                unsupported_grant_type: "unsupported_grant_type",
                credentials_missing: "invalid_grant",
              },
            },
            WITH_CLIENT,
            ALWAYS,
          ),
        },
      }),
    },
    "/oauth/revoke": {
      post: describeOperation({
        operationId: "post-oauth-revoke",
        summary: "End the tokens of a login at an application (RFC 7009)",
        security: CLIENT_SECURITY,
        requestBody: describeForm(
          {
            token: text("An access or refresh token. An unknown one counts as ended.", { examples: ["<refresh>"] }),
            ...CLIENT_FIELDS,
            token_type_hint: text("Ignored."),
          },
          { token: "<refresh>" },
        ),
        responses: {
          200: { description: "Done" },
          ...describeFailures(WITH_BODY, { 400: { credentials_missing: "invalid_grant" } }, WITH_CLIENT, ALWAYS),
        },
      }),
    },
    "/oauth/userinfo": {
      get: describeUserinfo({ operationId: "get-oauth-userinfo" }),
      post: describeUserinfo(
        {
          operationId: "post-oauth-userinfo",
          requestBody: describeForm({ access_token: text("Without `Authorization: Bearer`.") }, {}),
        },
        WITH_BODY,
      ),
    },
  },
};
