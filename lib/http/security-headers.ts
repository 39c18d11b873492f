import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
// The imports are relative, because next.config.ts loads this file and resolves no aliases.
import { env, IS_DEVELOPMENT, isLoopback } from "../env";

/** The security headers that are the same in each response of every server. */
const SECURITY_HEADERS = {
  // With "no-referrer", browsers send "Origin: null" with forms, and Next.js refuses those.
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
};

const POLICY_HEADER = "content-security-policy";
const NONCE_BYTES = 16;

/** Makes a content security policy: resources are loaded from this server only, and only `scripts` (a source list) run. */
function contentSecurityPolicy(scripts: string): string {
  return [
    "default-src 'none'",
    `script-src ${scripts}`,
    // In development Next.js adds inline styles to pages.
    `style-src 'self'${IS_DEVELOPMENT ? " 'unsafe-inline'" : ""}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/**
 * Makes the policy of one page with a random nonce. Only scripts with the nonce run, and scripts that those load (CSP 3 §7.1,
 * §8.2). Injected markup can't have the nonce, which is different in each response.
 */
function makePagePolicy(): string {
  const nonce = randomBytes(NONCE_BYTES).toString("base64");
  // In development React calls `eval`.
  return contentSecurityPolicy(`'nonce-${nonce}' 'strict-dynamic'${IS_DEVELOPMENT ? " 'unsafe-eval'" : ""}`);
}

/** Addresses that never respond with a page. Their policy allows no script, and needs no nonce. */
const PAGELESS_PATTERN = /^\/(api|_next\/static)\/[^?]/;
const PAGELESS_POLICY = contentSecurityPolicy("'none'");

const { protocol, hostname } = new URL(env.APP_URL);
/** Whether browsers are told to use https only. For a loopback name they would require it of each server on this machine. */
const isHttpsOnly = protocol === "https:" && !isLoopback(hostname);

/**
 * Returns the security headers that all responses of this server share. With https, browsers are told to use https only for
 * `hstsMaxAgeS` seconds (RFC 6797).
 */
export function sharedHeaders(hstsMaxAgeS: number): Record<string, string> {
  return isHttpsOnly
    ? { ...SECURITY_HEADERS, "Strict-Transport-Security": `max-age=${hstsMaxAgeS}` }
    : SECURITY_HEADERS;
}

/**
 * Sets the security headers of a response. Also sets the policy in the request, where Next.js reads the nonce for its scripts.
 * With https, browsers are told to use https only for `hstsMaxAgeS` seconds (RFC 6797). Must run before Next.js reads
 * the request: Next.js doesn't add its configured headers to its own redirects.
 */
export function secureExchange(request: IncomingMessage, response: ServerResponse, hstsMaxAgeS: number): void {
  const policy = PAGELESS_PATTERN.test(request.url ?? "") ? PAGELESS_POLICY : makePagePolicy();
  request.headers[POLICY_HEADER] = policy;
  response.setHeader(POLICY_HEADER, policy);
  for (const [name, value] of Object.entries(sharedHeaders(hstsMaxAgeS))) response.setHeader(name, value);
}

/** Makes the policy of a page on a host where `secureExchange` doesn't run. Returns null if it has run for this request. */
export function missingPolicy(headers: Headers): string | null {
  return headers.has(POLICY_HEADER) ? null : makePagePolicy();
}
