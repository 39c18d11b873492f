// The path needs its extension, because the tests of this file run in plain Node.js.
import { NextResponse } from "next/server.js";
import { BODY_BYTES_MAX } from "@/lib/core/policy";
import { hasFileMethodMark } from "@/lib/http/file-methods";
import { isForeignFetch, isForeignRequest } from "@/lib/http/origin";
import { findFormFault } from "@/lib/http/page-forms";
import { missingPolicy } from "@/lib/http/security-headers";
import { hasUnknownMethod } from "@/lib/http/unknown-method";

/**
 * Refuses requests to pages and files before Next.js reads them: methods that they don't have (405), requests that pages of other
 * origins made a browser send (403), and forms that Next.js would answer with status 500 (400, 413). The header `Sarafan-Error` names
 * the failure. On a host where before-next.ts doesn't run, also sets the page's content security policy, which takes about a
 * millisecond.
 */
export async function proxy(request: Request): Promise<Response | undefined> {
  if (hasUnknownMethod(request.headers)) return refuse(405, "method_not_allowed", { Allow: "GET, HEAD, POST" });
  if (isForeign(request)) return refuse(403, "origin_foreign");
  if (hasFileMethodMark(request.headers)) return refuse(405, "method_not_allowed", { Allow: "GET, HEAD" });
  const fault = request.method === "POST" ? await findFormFault(request, BODY_BYTES_MAX) : null;
  if (fault) return refuse(fault === "body_too_large" ? 413 : 400, fault);
  const policy = missingPolicy(request.headers);
  if (policy === null) return undefined;
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  return NextResponse.next({ request: { headers }, headers: { "content-security-policy": policy } });
}

/** The addresses that pages of applications send people to, by a link, redirect or form (OAuth 2.1 §3.1, RP-Initiated Logout 1.0 §2). */
const APPLICATION_NAVIGATION_PATTERN = /^\/oauth\/(?:authorize|logout)\/?$/;

/**
 * Whether a page of another origin sent a request that this address doesn't take from such a page. The addresses to which
 * applications send people take navigations of the whole window, and nothing that a page loads in the background. An invitation that is
 * loaded in the background would use up the look-ups of the browser's network.
 */
function isForeign(request: Request): boolean {
  const { pathname } = new URL(request.url);
  if (APPLICATION_NAVIGATION_PATTERN.test(pathname)) return isForeignFetch(request.headers);
  return isForeignRequest(request) || (pathname.startsWith("/i/") && isForeignFetch(request.headers));
}

function refuse(status: number, name: string, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { ...headers, "Sarafan-Error": name } });
}

/**
 * The requests that `proxy` runs for: those with a body, those from pages of other origins, and those for which before-next.ts
 * has set a header or has not run. Plain navigation doesn't match, which saves time. Requests to the APIs don't match either,
 * because the APIs refuse such requests with sentences of their own; so do the addresses that applications call for tokens.
 * Next.js reads this object without running the file, so all values are literals.
 */
export const config = {
  matcher: [
    { source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)", has: [{ type: "header", key: "origin" }] },
    { source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)", has: [{ type: "header", key: "content-length" }] },
    { source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)", has: [{ type: "header", key: "content-type" }] },
    {
      source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)",
      has: [{ type: "header", key: "transfer-encoding" }],
    },
    { source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)", has: [{ type: "header", key: "x-sarafan-method" }] },
    {
      source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)",
      has: [{ type: "header", key: "x-sarafan-file-method" }],
    },
    {
      source: "/((?!api/.|oauth/(?:token|revoke|userinfo)/?$).*)",
      has: [{ type: "header", key: "sec-fetch-site", value: "(cross-site|same-site)" }],
    },
    { source: "/i/:path*", has: [{ type: "header", key: "sec-fetch-dest", value: "(?!document$).*" }] },
    {
      source: "/((?!api/.|_next/static/.|oauth/(?:token|revoke|userinfo)/?$).*)",
      missing: [{ type: "header", key: "content-security-policy" }],
    },
  ],
};
