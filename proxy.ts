// With its ending, without which Node doesn't find it: the tests of this file run there.
import { NextResponse } from "next/server.js";
import { isForeignFetch, isForeignRequest } from "@/lib/auth/callers";
import { missingPolicy } from "@/lib/auth/security-headers";

/**
 * Refuses what pages of other origins would have a person's browser send here, before anything reads it. Where a host
 * tells instrumentation.ts nothing of a request, it also gives the page its policy: that costs a millisecond, so nowhere else.
 */
export function proxy(request: Request): Response | undefined {
  if (isForeignRequest(request) || isForeignLookup(request)) {
    return new Response(null, { status: 403, headers: { "Sarafan-Error": "origin_foreign" } });
  }
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

/**
 * Browsers send `Origin` or `Sec-Fetch-Site` with everything but plain navigation, so that pages don't come through here.
 * The APIs look for themselves, in their own words.
 */
export const config = {
  matcher: [
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "origin" }] },
    { source: "/((?!api/.).*)", has: [{ type: "header", key: "sec-fetch-site", value: "(cross-site|same-site)" }] },
    { source: "/i/:path*", has: [{ type: "header", key: "sec-fetch-dest", value: "(?!document$).*" }] },
    { source: "/((?!api/.|_next/static/.).*)", missing: [{ type: "header", key: "content-security-policy" }] },
  ],
};
