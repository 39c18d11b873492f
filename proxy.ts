// With its ending, without which Node doesn't find it: the tests of this file run there.
import { NextResponse } from "next/server.js";
import { BODY_BYTES_MAX } from "@/lib/core/policy";
import { isForeignFetch, isForeignRequest } from "@/lib/http/origin";
import { findFormFault } from "@/lib/http/page-forms";
import { missingPolicy } from "@/lib/http/security-headers";
import { hasUnknownMethod } from "@/lib/http/unknown-method";

/**
 * Refuses what no page of ours sends, before anything reads it: what pages of other origins have a person's browser send, and
 * what Next.js would answer with an error of its own. Where a host tells instrumentation.ts nothing of a request, it also gives
 * the page its policy: that costs a millisecond, so nowhere else.
 */
export async function proxy(request: Request): Promise<Response | undefined> {
  if (hasUnknownMethod(request.headers)) return refuse(405, "method_not_allowed", { Allow: "GET, HEAD, POST" });
  if (isForeignRequest(request) || isForeignLookup(request)) return refuse(403, "origin_foreign");
  const fault = request.method === "POST" ? await findFormFault(request, BODY_BYTES_MAX) : null;
  if (fault) return refuse(fault === "body_too_large" ? 413 : 400, fault);
  const policy = missingPolicy(request.headers);
  if (policy === null) return undefined;
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  return NextResponse.next({ request: { headers }, headers: { "content-security-policy": policy } });
}

/** Opening an invitation counts against the network that the browser is in. */
function isForeignLookup({ url, headers }: Request): boolean {
  return new URL(url).pathname.startsWith("/i/") && isForeignFetch(headers);
}

function refuse(status: number, name: string, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { ...headers, "Sarafan-Error": name } });
}

/**
 * Browsers send `Origin` or `Sec-Fetch-Site` with everything but plain navigation, so that pages don't come through here; nor do
 * the APIs, which look for themselves, in their own words. Next.js reads this without running it, so nothing here is computed.
 */
export const config = {
  matcher: [
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "origin" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "content-length" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "content-type" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "transfer-encoding" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "x-sarafan-method" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "sec-fetch-site", value: "(cross-site|same-site)" }] },
    { source: "/i/:path*", has: [{ type: "header", key: "sec-fetch-dest", value: "(?!document$).*" }] },
    { source: "/((?!api/.|_next/static/.).*)", missing: [{ type: "header", key: "content-security-policy" }] },
  ],
};
