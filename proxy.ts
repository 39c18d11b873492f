import { isForeignRequest } from "@/lib/auth/callers";

/** Refuses what pages of other origins would have a person's browser change here, before anything reads it. */
export function proxy(request: Request): Response | undefined {
  return isForeignRequest(request) ? new Response(null, { status: 403 }) : undefined;
}

/**
 * Browsers send one of these headers with everything but plain navigation, so that pages don't come through here. The
 * APIs look for themselves: what uses no cookie is open to any origin.
 */
export const config = {
  matcher: [
    { source: "/((?!api/).*)", has: [{ type: "header", key: "origin" }] },
    { source: "/((?!api/).*)", has: [{ type: "header", key: "sec-fetch-site", value: "(cross-site|same-site)" }] },
  ],
};
