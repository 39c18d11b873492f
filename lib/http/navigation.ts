/** The media type of what Next.js's router fetches in place of a page. */
const ROUTER_TYPE = "text/x-component";

/**
 * Whether a browser loads an address to show it, as after a followed link, a form or a redirect (Fetch Metadata Request Headers §2.1).
 * A script, a picture, a frame and a page loaded in advance are no navigation. Browsers without these headers are recognised by `Accept`:
 * Next.js's router fetches pages, and so does its server after a server action that ends in a redirect. It follows redirects, loses
 * their cookies, and may load the address again.
 */
export function isNavigation(headers: Headers): boolean {
  const destination = headers.get("sec-fetch-dest");
  if (destination === null) return !headers.get("accept")?.includes(ROUTER_TYPE);
  return destination === "document" && !headers.has("sec-purpose");
}
