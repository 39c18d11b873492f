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

/** Which pages of other origins may use an address, and what their browsers are told. None of them may send cookies (Fetch §3.3). */
export interface Sharing {
  /** Whether pages of this origin may use the address; `any` for what the pages of each origin may read. */
  origins: "any" | ((origin: string) => boolean | Promise<boolean>);
  /** The request headers that such pages may send, besides those that need no permission (Fetch §2.2.2). */
  requestHeaders: string;
  /** The response headers that such pages may read, besides those that need no permission. */
  responseHeaders: string;
}

/** Shares the APIs with the pages of `CORS_ORIGINS`; null without such origins. */
export const SHARED_WITH_CORS_ORIGINS: Sharing | null =
  env.CORS_ORIGINS.length === 0
    ? null
    : {
        origins: (origin) => env.CORS_ORIGINS.includes(origin),
        requestHeaders: SHARED_REQUEST_HEADERS,
        responseHeaders: SHARED_RESPONSE_HEADERS,
      };

/** What a page of another origin may do: whether it may use the address, and the response headers that say so to its browser. */
export interface Permission {
  isGiven: boolean;
  headers: Record<string, string>;
}

/** Returns the permission of the page that sent a request, by its `Origin`. */
export async function permissionOf(sharing: Sharing | null, headers: Headers): Promise<Permission> {
  if (!sharing) return { isGiven: false, headers: {} };
  const exposed = { "Access-Control-Expose-Headers": sharing.responseHeaders };
  if (sharing.origins === "any") return { isGiven: true, headers: { "Access-Control-Allow-Origin": "*", ...exposed } };
  // A cache must not give the response for one origin to another.
  const Vary = "Origin";
  const origin = headers.get("origin");
  if (origin === null || !(await sharing.origins(origin))) return { isGiven: false, headers: { Vary } };
  return { isGiven: true, headers: { Vary, "Access-Control-Allow-Origin": origin, ...exposed } };
}

/** Makes the response headers for a preflight request (Fetch §4.8), which permit a page of another origin to use `methods`. */
export async function preflightHeaders(
  sharing: Sharing | null,
  headers: Headers,
  methods: readonly string[],
): Promise<Record<string, string>> {
  const permission = await permissionOf(sharing, headers);
  if (!sharing || !permission.isGiven) return permission.headers;
  return {
    ...permission.headers,
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Allow-Headers": sharing.requestHeaders,
    "Access-Control-Max-Age": String(PREFLIGHT_MAX_AGE_S),
  };
}
