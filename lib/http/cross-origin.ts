import { env } from "@/lib/env";

/** The request headers that pages of `CORS_ORIGINS` may send, besides those that need no permission (Fetch §2.2.2). */
const SHARED_REQUEST_HEADERS = "Authorization, Content-Type, Sarafan-Device";
/** The response headers that pages of `CORS_ORIGINS` may read, besides those that need no permission. */
const SHARED_RESPONSE_HEADERS =
  "Sarafan-Error, Sarafan-Code-Length, Sarafan-Device, Retry-After, Link, WWW-Authenticate, Allow, X-Request-Id";
/** For how many seconds a browser may reuse the answer to a preflight request. */
const PREFLIGHT_MAX_AGE_S = 600;

/** Whether a script on a page of `CORS_ORIGINS` sent the request. */
export function isFromCorsOrigin(headers: Headers): boolean {
  return env.CORS_ORIGINS.includes(headers.get("origin") ?? "");
}

/**
 * Makes the response headers that permit a page of `CORS_ORIGINS` to read the response (Fetch §3.3). They never allow the
 * browser to add cookies: such a page sends a bearer token, and its cookies would be ignored.
 */
export function sharingHeaders(headers: Headers): Record<string, string> {
  if (env.CORS_ORIGINS.length === 0) return {};
  // A cache must not give the response for one origin to another.
  const Vary = "Origin";
  const origin = headers.get("origin");
  if (origin === null || !isFromCorsOrigin(headers)) return { Vary };
  return { Vary, "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": SHARED_RESPONSE_HEADERS };
}

/** Makes the response headers for a preflight request (Fetch §4.8), which permit a page of `CORS_ORIGINS` to use `methods`. */
export function preflightHeaders(headers: Headers, methods: readonly string[]): Record<string, string> {
  if (methods.length === 0) return {};
  if (!isFromCorsOrigin(headers)) return sharingHeaders(headers);
  return {
    ...sharingHeaders(headers),
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Allow-Headers": SHARED_REQUEST_HEADERS,
    "Access-Control-Max-Age": String(PREFLIGHT_MAX_AGE_S),
  };
}
