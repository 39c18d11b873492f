import { z } from "zod";
import { LANGUAGES, type Language } from "@/lib/core/challenges/code-message";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { NONCE_BYTES_MAX, STATE_BYTES_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { env } from "@/lib/env";
import { findClient, type OAuthClient } from "./clients";
import { composeAnswer, matchRedirectUri, type RedirectUri } from "./redirect-uri";
import { readScopes, type Scope } from "./scopes";

/** The name of this server in tokens and answers (`iss`). */
export const ISSUER = env.APP_URL;

/** What a request demands of the pages (OpenID Connect Core §3.1.2.1). */
export const Prompt = z.enum(["none", "login", "consent"]);
export type Prompt = z.output<typeof Prompt>;

/** A request for authorization that may be shown to a person (OAuth 2.1 §4.1.1, OpenID Connect Core §3.1.2.1). */
export interface AuthorizationRequest {
  client: OAuthClient;
  redirectUri: RedirectUri;
  scopes: Scope[];
  /** Returned to the application as it came; null without one. */
  state: string | null;
  /** Repeated in the ID token; null without one. */
  nonce: string | null;
  /** The hash of the PKCE verifier (RFC 7636 §4.2), 43 characters. */
  codeChallenge: string;
  prompts: Prompt[];
  /** How many seconds ago the person may have logged in; null for any time. */
  maxAgeS: number | null;
  /** The phone to fill in; null without one, and for a hint that is no phone. */
  loginHint: Phone | null;
  /** The first of the preferred languages that our pages have; null without one. */
  language: Language | null;
  /** An ID token that names the person who is expected; null without one. It is not verified yet. */
  idTokenHint: string | null;
  /** The invite code that a new account activates; null without one, and for a text that is no code. */
  invite: InviteCode | null;
}

/** The errors that an application is told (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, Multiple Response Types §2.1). */
export type AuthorizationErrorName =
  | "invalid_request"
  | "unsupported_response_type"
  | "unsupported_response_mode"
  | "invalid_scope"
  | "request_not_supported"
  | "request_uri_not_supported"
  | "registration_not_supported"
  | "access_denied"
  | "login_required"
  | "consent_required"
  | "interaction_required"
  | "server_error"
  | "temporarily_unavailable";

/** An answer that sends the person back to the application with an error. `description` is for developers, in English. */
export interface AuthorizationRefusal {
  name: "refused";
  error: AuthorizationErrorName;
  description: string;
  redirectUri: RedirectUri;
  state: string | null;
}

/**
 * A request that must be answered by a page of this server: without a known client and one of its redirect URIs, the address in it
 * may be a stranger's (RFC 6749 §4.1.2.1, RFC 9700 §4.11.2).
 */
export interface UntrustedRequest {
  name: "untrusted";
  reason:
    | "client_id_missing"
    | "client_id_repeated"
    | "client_unknown"
    | "client_disabled"
    | "redirect_uri_missing"
    | "redirect_uri_repeated"
    | "redirect_uri_unknown";
}

/** The parameters that this server reads, or refuses by name. All others are ignored (RFC 6749 §3.1). */
const PARAMETERS = [
  "client_id",
  "redirect_uri",
  "response_type",
  "response_mode",
  "scope",
  "state",
  "nonce",
  "code_challenge",
  "code_challenge_method",
  "prompt",
  "max_age",
  "login_hint",
  "ui_locales",
  "id_token_hint",
  "invite",
  "request",
  "request_uri",
  "registration",
] as const;
type Parameter = (typeof PARAMETERS)[number];

const CODE_CHALLENGE_PATTERN = /^[\w-]{43}$/;
const MAX_AGE_PATTERN = /^\d{1,10}$/;

/** How many bytes a text takes as JSON in UTF-8, as the cookie of a pending authorization has it. */
const bytesOf = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2;

/**
 * Reads the parameters of /oauth/authorize. An empty parameter counts as missing, and none may be repeated (RFC 6749 §3.1).
 *
 * Fails with `untrusted`, which is answered by a page, or with `refused`, which is answered by a redirect (`composeRefusal`).
 */
export async function readAuthorizationRequest(
  query: URLSearchParams,
): Promise<Result<AuthorizationRequest, UntrustedRequest | AuthorizationRefusal>> {
  const values = (name: Parameter) => query.getAll(name).filter((value) => value !== "");
  const value = (name: Parameter) => values(name)[0] ?? null;
  const isRepeated = (name: Parameter) => query.getAll(name).length > 1;
  const untrusted = (reason: UntrustedRequest["reason"]) => fail({ name: "untrusted", reason } as const);

  if (isRepeated("client_id")) return untrusted("client_id_repeated");
  if (isRepeated("redirect_uri")) return untrusted("redirect_uri_repeated");
  const clientId = value("client_id");
  if (clientId === null) return untrusted("client_id_missing");
  const client = await findClient(clientId);
  if (!client) return untrusted("client_unknown");
  if (client.disabledAt) return untrusted("client_disabled");
  const uri = value("redirect_uri");
  if (uri === null) return untrusted("redirect_uri_missing");
  const redirectUri = matchRedirectUri(uri, client.redirectUris);
  if (!redirectUri) return untrusted("redirect_uri_unknown");

  const stateText = isRepeated("state") ? null : value("state");
  const isStateTooLong = stateText !== null && bytesOf(stateText) > STATE_BYTES_MAX;
  const state = isStateTooLong ? null : stateText;
  const refuse = (error: AuthorizationErrorName, description: string) =>
    fail({ name: "refused", error, description, redirectUri, state } as const);
  const invalid = (description: string) => refuse("invalid_request", description);

  const repeated = PARAMETERS.find(isRepeated);
  if (repeated) return invalid(`${repeated} must not be repeated`);
  if (isStateTooLong) return invalid(`state must have ${STATE_BYTES_MAX} bytes at most`);
  if (value("request")) return refuse("request_not_supported", "request objects are not supported");
  if (value("request_uri")) return refuse("request_uri_not_supported", "request objects are not supported");
  if (value("registration")) return refuse("registration_not_supported", "registration is not supported");

  const responseMode = value("response_mode");
  if (responseMode !== null && responseMode !== "query")
    return refuse("unsupported_response_mode", "response_mode must be query");
  const responseType = value("response_type");
  if (responseType === null) return invalid("response_type is missing");
  if (responseType !== "code") return refuse("unsupported_response_type", "response_type must be code");

  // PKCE is required of all clients (OAuth 2.1 §4.1.1). Without a method, the challenge would be the verifier itself (RFC 7636 §4.3).
  const codeChallenge = value("code_challenge");
  if (codeChallenge === null) return invalid("code_challenge is missing");
  if (value("code_challenge_method") !== "S256") return invalid("code_challenge_method must be S256");
  if (!CODE_CHALLENGE_PATTERN.test(codeChallenge)) return invalid("code_challenge must be 43 characters of base64url");

  const scopes = readScopes(value("scope") ?? "");
  if (!scopes.includes("openid")) return refuse("invalid_scope", "scope must contain openid");
  const forbidden = scopes.find((scope) => !client.scopes.includes(scope));
  if (forbidden) return refuse("invalid_scope", `this client may not request the scope ${forbidden}`);

  const nonce = value("nonce");
  if (nonce !== null && bytesOf(nonce) > NONCE_BYTES_MAX)
    return invalid(`nonce must have ${NONCE_BYTES_MAX} bytes at most`);
  // PostgreSQL stores no such character.
  if (nonce?.includes("\0")) return invalid("nonce must not contain the character U+0000");

  const named = value("prompt")?.split(" ").filter(Boolean) ?? [];
  if (named.some((name) => !Prompt.options.some((prompt) => prompt === name)))
    return invalid(`prompt must be of ${Prompt.options.join(", ")}`);
  const prompts = Prompt.options.filter((prompt) => named.includes(prompt));
  if (prompts.includes("none") && prompts.length > 1) return invalid("prompt none must be alone");

  const maxAge = value("max_age");
  if (maxAge !== null && !MAX_AGE_PATTERN.test(maxAge)) return invalid("max_age must be a whole number of seconds");

  return succeed({
    client,
    redirectUri,
    scopes,
    state,
    nonce,
    codeChallenge,
    prompts,
    maxAgeS: maxAge === null ? null : Number(maxAge),
    loginHint: Phone.safeParse(value("login_hint")).data ?? null,
    language: findLanguage(value("ui_locales") ?? ""),
    idTokenHint: value("id_token_hint"),
    invite: InviteCode.safeParse(value("invite")).data ?? null,
  });
}

/** Returns the first language of `ui_locales` (language tags separated by spaces, RFC 5646) that our pages have, or null. */
export function findLanguage(locales: string): Language | null {
  const named = locales.split(" ").map((locale) => locale.split("-", 1)[0]?.toLowerCase());
  const known = named.map((name) => LANGUAGES.find((language) => language === name));
  return known.find((language) => language !== undefined) ?? null;
}

type Answered = Pick<AuthorizationRequest, "redirectUri" | "state">;

/** Returns the address that tells the application a code (RFC 6749 §4.1.2), with the name of this server (RFC 9207 §2). */
export function composeCodeAnswer({ redirectUri, state }: Answered, code: string): string {
  return composeAnswer(redirectUri, { code, state, iss: ISSUER });
}

/** Returns the address that tells the application an error (RFC 6749 §4.1.2.1), with the name of this server (RFC 9207 §2). */
export function composeRefusal({ redirectUri, state, error, description }: Omit<AuthorizationRefusal, "name">): string {
  return composeAnswer(redirectUri, { error, error_description: description, state, iss: ISSUER });
}
