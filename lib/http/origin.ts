import { env, isLoopback } from "@/lib/env";

/**
 * Whether a request may change something (its method is not GET, HEAD or OPTIONS) and a page of another origin made the browser
 * send it, according to `Origin` or `Sec-Fetch-Site`. A request without both headers is not from a browser, and is not foreign.
 */
export function isForeignRequest({ method, headers }: { method: string; headers: Headers }): boolean {
  if (["GET", "HEAD", "OPTIONS"].includes(method)) return false;
  return hasForeignOrigin(headers) || hasForeignFetchSite(headers);
}

/**
 * Whether a page of another origin made the browser load one of our pages other than by a link that a person followed: as a
 * picture, in a frame, by a script, or as a prefetch. A followed link is fetched as a document (Fetch Metadata Request Headers
 * §2.1). The robots that make link previews send none of these headers, and are not foreign.
 */
export function isForeignFetch(headers: Headers): boolean {
  const [destination, site] = [headers.get("sec-fetch-dest"), headers.get("sec-fetch-site")];
  if (site === "same-origin" || site === "none" || destination === null) return false;
  return destination !== "document" || headers.has("sec-purpose");
}

/** Whether `Origin` names another origin: a script or form of a page there sent the request. A followed link has no `Origin`. */
export function hasForeignOrigin(headers: Headers): boolean {
  const origin = headers.get("origin");
  return origin !== null && !isOwnOrigin(origin);
}

/**
 * Whether `Sec-Fetch-Site` says that a page of another origin caused the request: `cross-site` or `same-site`. `none` means that
 * the person did.
 */
function hasForeignFetchSite(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

/**
 * Whether the `Host` of a request is that of APP_URL. Another site can make its host name resolve to this machine (DNS
 * rebinding), and its page could then read the response.
 */
export function isAtOwnAddress(headers: Headers): boolean {
  return isOwnOrigin(`${ownUrl.protocol}//${headers.get("host")}`);
}

/**
 * Throws for a request that a page of another origin made a browser send. Pages and APIs refuse such requests earlier. This
 * second check stands before each change of a cookie, in case an address lacks the first.
 */
export function assertOwnRequest(headers: Headers): void {
  if (isForeignRequest({ method: "POST", headers }))
    throw new Error("a request that a page of another origin sent would change a cookie");
}

/** Returns `target` (a path or URL) as a URL of our public address, or our home page if `target` belongs to another origin. */
export function ownAddress(target: string): string {
  const { href, pathname, search } = URL.canParse(target, env.APP_URL) ? new URL(target, env.APP_URL) : ownUrl;
  return isOwnOrigin(href) ? `${ownUrl.origin}${pathname}${search}` : ownUrl.href;
}

/** Returns host and protocol of our public address: those of `origin` if it is one of our names, else those of APP_URL. */
export function publicAddressAt(origin: string | undefined): { host: string; protocol: string } {
  // If APP_URL is a loopback address, a page may have been opened at another loopback name.
  return origin !== undefined && isOwnOrigin(origin) ? new URL(origin) : ownUrl;
}

const ownUrl = new URL(env.APP_URL);

/**
 * Whether a URL has the origin of APP_URL. If APP_URL has a loopback name, all loopback names are equal. A preview on Vercel has a
 * second name, that of its Git branch.
 */
function isOwnOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port } = new URL(text);
  const isOwnName =
    hostname === ownUrl.hostname ||
    hostname === env.BRANCH_HOST ||
    (isLoopback(hostname) && isLoopback(ownUrl.hostname));
  return protocol === ownUrl.protocol && isOwnName && port === ownUrl.port;
}
