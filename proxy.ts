// With its ending, without which Node doesn't find it: the tests of this file run there.
import { NextResponse } from "next/server.js";
import { isForeignRequest } from "@/lib/auth/callers";
import { missingPolicy } from "@/lib/auth/security-headers";

/**
 * Refuses what pages of other origins would have a person's browser change here, before anything reads it. Where a host
 * tells instrumentation.ts nothing of a request, it also gives the page its policy: that costs a millisecond, so nowhere else.
 */
export function proxy(request: Request): Response | undefined {
  if (isForeignRequest(request)) return new Response(null, { status: 403 });
  const policy = missingPolicy(request.headers);
  if (policy === null) return undefined;
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  return NextResponse.next({ request: { headers }, headers: { "content-security-policy": policy } });
}

/**
 * Browsers send `Origin` or `Sec-Fetch-Site` with everything but plain navigation, so that pages don't come through here.
 * The APIs look for themselves: what uses no cookie is open to any origin.
 */
export const config = {
  matcher: [
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "origin" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "sec-fetch-site", value: "(cross-site|same-site)" }] },
    { source: "/((?!api/.|_next/static/.).*)", missing: [{ type: "header", key: "content-security-policy" }] },
  ],
};
