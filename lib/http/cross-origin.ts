import { env } from "@/lib/env";
import { isForeignRequest } from "./origin";

/** What a client may send besides what browsers let any page send (Fetch §2.2.2). */
const REQUEST_HEADERS = "Authorization, Content-Type, Sarafan-Device";
/** What a client may read of an answer besides what browsers let any page read. */
const ANSWER_HEADERS =
  "Sarafan-Error, Sarafan-Code-Length, Sarafan-Device, Retry-After, Link, WWW-Authenticate, Allow, X-Request-Id";
/** How long a browser need not ask again, in seconds. */
const PREFLIGHT_MAX_AGE_S = 600;

/** Whether the script of a page of `CORS_ORIGINS` made the request. */
export function isOfSharedOrigin(headers: Headers): boolean {
  return env.CORS_ORIGINS.includes(headers.get("origin") ?? "");
}

/**
 * The headers by which a browser lets a page of `CORS_ORIGINS` read an answer (Fetch §3.3). They never allow credentials: a
 * bearer token is sent by the page itself, and cookies count for nothing in such a request.
 */
export function sharingHeaders(headers: Headers): Record<string, string> {
  if (env.CORS_ORIGINS.length === 0) return {};
  // A cache must not hand the answer for one origin to another, nor to a page of ours.
  const Vary = "Origin";
  const origin = headers.get("origin");
  if (origin === null || !isOfSharedOrigin(headers)) return { Vary };
  return { Vary, "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": ANSWER_HEADERS };
}

/** The same for the question that a browser asks before it sends a request (Fetch §4.8): with which of `methods` it may. */
export function preflightHeaders(headers: Headers, methods: readonly string[]): Record<string, string> {
  if (methods.length === 0) return {};
  if (!isOfSharedOrigin(headers)) return sharingHeaders(headers);
  return {
    ...sharingHeaders(headers),
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Allow-Headers": REQUEST_HEADERS,
    "Access-Control-Max-Age": String(PREFLIGHT_MAX_AGE_S),
  };
}

/**
 * Answers a request, unless it may change something and a page of another origin had it sent. Where `isShared`, pages of
 * `CORS_ORIGINS` may ask and read the answer.
 */
export async function guardOrigin(
  request: Request,
  { isShared, refuse, answer }: { isShared: boolean; refuse: () => Response; answer: () => Promise<Response> },
): Promise<Response> {
  const isWelcome = isShared && isOfSharedOrigin(request.headers);
  const response = isForeignRequest(request) && !isWelcome ? refuse() : await answer();
  if (!isShared) return response;
  for (const [name, value] of Object.entries(sharingHeaders(request.headers))) response.headers.append(name, value);
  return response;
}
