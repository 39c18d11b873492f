import { env, isLoopback } from "@/lib/env";

/**
 * Whether a request may change something and a page of another origin had the browser send it, as the browser says by `Origin`
 * or `Sec-Fetch-Site`. A client that sends neither is no browser.
 */
export function isForeignRequest({ method, headers }: { method: string; headers: Headers }): boolean {
  if (["GET", "HEAD", "OPTIONS"].includes(method)) return false;
  return isOfForeignPage(headers) || isFromElsewhere(headers);
}

/**
 * Whether a page of another site has the browser fetch an address that people open: as a picture, in a frame, by a script, or
 * ahead of a click. A link that a person follows there is fetched as a document (Fetch Metadata Request Headers §2.1); a preview
 * robot sends none of these headers.
 */
export function isForeignFetch(headers: Headers): boolean {
  const [destination, site] = [headers.get("sec-fetch-dest"), headers.get("sec-fetch-site")];
  if (site === "same-origin" || site === "none" || destination === null) return false;
  return destination !== "document" || headers.has("sec-purpose");
}

/** Whether the script of a page of another origin made the request; a link that was followed from there carries no `Origin`. */
export function isOfForeignPage(headers: Headers): boolean {
  const origin = headers.get("origin");
  return origin !== null && !isOwnOrigin(origin);
}

/** Whether the browser says that something else than a page of ours, or the person, made it send the request. */
function isFromElsewhere(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

/** Whether a request names our own address as its host: a page elsewhere may have a name that was pointed at this machine. */
export function isAtOwnAddress(headers: Headers): boolean {
  return isOwnOrigin(`${own.protocol}//${headers.get("host")}`);
}

/**
 * Throws for a request that a page elsewhere had a browser send. Whoever answers requests refuses those first, in their own
 * words; this is for what must not happen even where that was forgotten.
 */
export function assertOwnRequest(headers: Headers): void {
  if (isForeignRequest({ method: "POST", headers })) throw new Error("a page elsewhere would log somebody in here");
}

/** Where somebody asks to be led, at our public address; our first page where that is elsewhere, however it is written. */
export function ownAddress(wanted: string): string {
  const { href, pathname, search } = URL.canParse(wanted, env.APP_URL) ? new URL(wanted, env.APP_URL) : own;
  return isOwnOrigin(href) ? `${own.origin}${pathname}${search}` : own.href;
}

/** The host and protocol of our public address, as a browser at `origin` knows it. */
export function publicAddressAt(origin: string | undefined): { host: string; protocol: string } {
  // While APP_URL is this machine, it has several names, and a page may have been opened at any of them.
  return origin !== undefined && isOwnOrigin(origin) ? new URL(origin) : own;
}

const own = new URL(env.APP_URL);

/** `APP_URL`'s origin, of which the machine's own names are one while `APP_URL` has one of them. */
function isOwnOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port } = new URL(text);
  const isOwnName = hostname === own.hostname || (isLoopback(hostname) && isLoopback(own.hostname));
  return protocol === own.protocol && isOwnName && port === own.port;
}
