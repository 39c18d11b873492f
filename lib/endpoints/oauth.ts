import { HANDLER_STATUSES } from "@/lib/apis/handlers";
import {
  authenticateClient,
  countWrongSecret,
  isOriginOfPublicClient,
  type OAuthClient,
} from "@/lib/core/oauth/clients";
import { BODY_BYTES_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readBytes } from "@/lib/http/body";
import { NO_STORE } from "@/lib/http/caching";
import { networkOf } from "@/lib/http/client-ip";
import type { Sharing } from "@/lib/http/cross-origin";
import { retryAfter } from "@/lib/http/retry-after";

// What the addresses that applications call have in common: /oauth/token, /oauth/revoke and /oauth/userinfo.

/** A refusal: `error` and `description` are the body (RFC 6749 §5.2), and `name` is what the header `Sarafan-Error` says. */
export interface OAuthRefusal {
  name: string;
  status: number;
  error: string;
  description: string;
  headers?: Record<string, string>;
}

/** Makes a refusal whose name is its error, with status 400 unless another one is given. */
export function refusal(error: string, description: string, more: Partial<OAuthRefusal> = {}): OAuthRefusal {
  return { name: error, status: 400, error, description, ...more };
}

/** Makes the response of a refusal. */
export function respondWithRefusal({ name, status, error, description, headers }: OAuthRefusal): Response {
  return Response.json(
    { error, error_description: description },
    { status, headers: { ...NO_STORE, ...headers, "Sarafan-Error": name } },
  );
}

/** The refusals of `makeHandlers`. RFC 6749 has no errors for most of them, so those of the nearest meaning are taken. */
const HANDLER_REFUSALS: Record<keyof typeof HANDLER_STATUSES, [error: string, description: string]> = {
  credentials_missing: ["invalid_grant", "the account was deleted"],
  origin_foreign: ["invalid_request", "no public client has a redirect URI of this origin"],
  method_not_allowed: ["invalid_request", "this method is not supported here"],
  unexpected: ["server_error", "an unexpected error"],
  database_away: ["temporarily_unavailable", "the service is not available at the moment"],
};

/** Makes the response to a failure of `makeHandlers`. */
export function refuse(name: keyof typeof HANDLER_STATUSES, headers: Record<string, string> = {}): Response {
  const [error, description] = HANDLER_REFUSALS[name];
  // The account of a code or token is gone, which is no question of the client's own credentials (401).
  const status = name === "credentials_missing" ? 400 : HANDLER_STATUSES[name];
  return respondWithRefusal({ name, status, error, description, headers });
}

/** The pages of public applications call these addresses by scripts. No cookie counts here. */
export const SHARED_WITH_PUBLIC_CLIENTS: Sharing = {
  origins: isOriginOfPublicClient,
  requestHeaders: "Authorization, Content-Type",
  responseHeaders: "Sarafan-Error, Retry-After, WWW-Authenticate, Allow, X-Request-Id",
};

const FORM_PATTERN = /^application\/x-www-form-urlencoded *(?:;|$)/i;

/** The parameters of a body by name; null for one that is missing or empty, which counts as missing (RFC 6749 §3.2). */
export type Parameters<Name extends string> = Record<Name, string | null>;

/**
 * Reads the parameters of a form-encoded body; all others are ignored. Refuses another media type, a body that is too large or no UTF-8, and
 * a parameter that is repeated (RFC 6749 §3.2). A body that is missing has no parameters.
 */
export async function readParameters<Name extends string>(
  request: Request,
  names: readonly Name[],
): Promise<Result<Parameters<Name>, OAuthRefusal>> {
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  if (!bytes) return fail(refusal("invalid_request", "the body is too large", { name: "body_too_large", status: 413 }));
  const type = request.headers.get("content-type");
  if (type !== null && !FORM_PATTERN.test(type)) {
    const description = "the body must be application/x-www-form-urlencoded";
    return fail(refusal("invalid_request", description, { name: "media_type_unsupported" }));
  }
  const text = decode(bytes);
  if (text === null) return fail(refusal("invalid_request", "the body is no UTF-8", { name: "body_malformed" }));
  const form = new URLSearchParams(type === null ? "" : text);
  const repeated = names.find((name) => form.getAll(name).length > 1);
  if (repeated) return fail(refusal("invalid_request", `${repeated} must not be repeated`));
  return succeed(Object.fromEntries(names.map((name) => [name, form.get(name) || null])) as Parameters<Name>);
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    // What a fatal decoder throws for bytes that are no UTF-8.
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The parameters by which an application says who it is. */
export const CLIENT_PARAMETERS = ["client_id", "client_secret"] as const;

/** RFC 9110 §15.5.2 requires a challenge with each 401, and RFC 6749 §5.2 that of the scheme that the client has used. */
const CHALLENGE = { "WWW-Authenticate": "Basic" };

/**
 * Finds the application that sends a request, by client_secret_basic, by client_secret_post, or by `client_id` alone if it is public
 * (RFC 6749 §2.3.1, OpenID Connect Core §9). Wrong secrets are counted for the network.
 */
export async function authenticateRequest(
  { headers }: Request,
  { client_id, client_secret }: Parameters<(typeof CLIENT_PARAMETERS)[number]>,
): Promise<Result<OAuthClient, OAuthRefusal>> {
  const authorization = headers.get("authorization");
  if (authorization !== null && client_secret !== null)
    return fail(refusal("invalid_request", "a client must authenticate itself by one method"));
  const basic = authorization === null ? null : readBasic(authorization);
  if (authorization !== null && !basic)
    return fail(
      refusal("invalid_request", "Authorization must have the scheme Basic, with client_id and client_secret"),
    );
  if (basic && client_id !== null && client_id !== basic.id)
    return fail(refusal("invalid_request", "client_id must be that of Authorization"));
  const id = basic?.id ?? client_id;
  if (!id) return fail(refusal("invalid_request", "client_id is missing"));
  const client = await authenticateClient({ id, secret: basic?.secret ?? client_secret });
  if (client.ok) return client;
  const counted = await countWrongSecret(networkOf(headers));
  if (counted.ok)
    return fail(
      refusal("invalid_client", "the client is unknown or disabled, or its secret is wrong", {
        status: 401,
        headers: CHALLENGE,
      }),
    );
  const { name, retryAfterMs } = counted.failure;
  const waiting = { name, status: 429, headers: retryAfter(retryAfterMs) };
  return fail(refusal("invalid_client", "too many wrong secrets", waiting));
}

/**
 * Reads the credentials of `Authorization: Basic`; null for another scheme and for malformed ones. Both parts are form-encoded before
 * they are joined (RFC 6749 §2.3.1).
 */
function readBasic(authorization: string): { id: string; secret: string } | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? [];
  const [, id, secret] = /^([^:]+):(.+)$/.exec(Buffer.from(encoded ?? "", "base64").toString()) ?? [];
  const [readId, readSecret] = [decodeFormText(id), decodeFormText(secret)];
  return readId !== null && readSecret !== null ? { id: readId, secret: readSecret } : null;
}

function decodeFormText(text = ""): string | null {
  const isWellFormed = /^(?:[^%]|%[\da-f]{2})+$/i.test(text);
  return isWellFormed ? new URLSearchParams(`text=${text.replaceAll("&", "%26")}`).get("text") : null;
}
