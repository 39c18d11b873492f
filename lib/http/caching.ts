import type { IncomingMessage, ServerResponse } from "node:http";
import { IS_DEVELOPMENT } from "@/lib/env";

/** The header of responses that must not be cached. */
export const NO_STORE = { "Cache-Control": "no-store" };

/** What Next.js says of each page that it renders for a request. */
const NEXT_PAGE_CACHING = "private, no-cache, no-store, max-age=0, must-revalidate";
/** What Next.js says of each file of `public/`. */
const NEXT_FILE_CACHING = "public, max-age=0";

/** For how long browsers and proxies may use a file of `public/` without asking for it again. These files keep their names. */
const FILE_MAX_AGE_S = 24 * 60 * 60;

/** Each cookie of ours, except those of the languages and of recognised browsers, which bring nothing personal into a page. */
const PERSONAL_COOKIE_PATTERN = /(?:^|; *)(?:__Host-)?sarafan-(?!(?:locale|requested-language|known)=)/;

/**
 * Changes what the response of Next.js says about caching. A page for a request without a personal cookie may be kept by the browser
 * (`no-cache` instead of `no-store`), so that it is shown immediately when the person goes back to it. All other pages are never
 * kept. A file of `public/` may be used for a day. In development nothing is kept, because everything changes.
 */
export function relaxCaching(request: IncomingMessage, response: ServerResponse): void {
  if (IS_DEVELOPMENT || (request.method !== "GET" && request.method !== "HEAD")) return;
  const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse;
  response.writeHead = (status: number, ...rest: unknown[]) => {
    const caching = response.getHeader("Cache-Control");
    if (caching === NEXT_FILE_CACHING) response.setHeader("Cache-Control", `public, max-age=${FILE_MAX_AGE_S}`);
    if (
      caching === NEXT_PAGE_CACHING &&
      status === 200 &&
      !PERSONAL_COOKIE_PATTERN.test(request.headers.cookie ?? "")
    ) {
      response.setHeader("Cache-Control", "private, no-cache");
      response.appendHeader("Vary", "Cookie, Accept-Language");
    }
    return writeHead(status, ...rest);
  };
}
