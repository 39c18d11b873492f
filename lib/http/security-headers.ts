import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
// Relative paths, because next.config.ts, which loads this file, resolves no aliases.
import { env, IS_DEVELOPMENT, isLoopback } from "../env";

/** What every answer says to browsers; see `secureExchange` for the rest. */
export const SECURITY_HEADERS = {
  // "no-referrer" would make browsers send "Origin: null" with forms, which Next refuses.
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
};

const POLICY_HEADER = "content-security-policy";
const NONCE_BYTES = 16;

/** A policy under which nothing is loaded but from here, and no script runs but `scripts`. */
function policyOf(scripts: string): string {
  return [
    "default-src 'none'",
    `script-src ${scripts}`,
    // In development Next.js puts styles of its own into the page.
    `style-src 'self'${IS_DEVELOPMENT ? " 'unsafe-inline'" : ""}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/**
 * The policy of one page: only scripts run that carry this answer's nonce, which nobody can know who writes something
 * into the page, and what those load (CSP 3 §7.1, §8.2).
 */
function drawPagePolicy(): string {
  const nonce = randomBytes(NONCE_BYTES).toString("base64");
  // React evaluates strings in development.
  return policyOf(`'nonce-${nonce}' 'strict-dynamic'${IS_DEVELOPMENT ? " 'unsafe-eval'" : ""}`);
}

/** Addresses that never answer with a page, and their policy. */
const PAGELESS = /^\/(api|_next\/static)\/[^?]/;
const PAGELESS_POLICY = policyOf("'none'");

const { protocol, hostname } = new URL(env.APP_URL);
/** Not on this machine's own names: browsers would expect https of all that listens there. */
const isHttpsOnly = protocol === "https:" && !isLoopback(hostname);

/**
 * Gives an answer its security headers, and a page the nonce that Next.js puts on its scripts when it finds it in the
 * request. Whoever came by https may come by nothing else for `hstsMaxAgeS` seconds (RFC 6797). Has to run before Next.js reads
 * the request: its own redirects carry none of the headers that it adds elsewhere.
 */
export function secureExchange(request: IncomingMessage, response: ServerResponse, hstsMaxAgeS: number): void {
  const policy = PAGELESS.test(request.url ?? "") ? PAGELESS_POLICY : drawPagePolicy();
  request.headers[POLICY_HEADER] = policy;
  response.setHeader(POLICY_HEADER, policy);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  if (isHttpsOnly) response.setHeader("Strict-Transport-Security", `max-age=${hstsMaxAgeS}`);
}

/** A page's policy where `secureExchange` has not heard of the request; null where it has. */
export function missingPolicy(headers: Headers): string | null {
  return headers.has(POLICY_HEADER) ? null : drawPagePolicy();
}
