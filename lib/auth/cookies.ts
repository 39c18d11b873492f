import { cookies, headers } from "next/headers";
import { env } from "@/lib/env";
import { readBearer } from "@/lib/http/authorization";
import { hasForeignOrigin } from "@/lib/http/origin";
import { perProcess } from "@/lib/per-process";

const isHttps = env.APP_URL.startsWith("https:");

/** The name that a cookie is set under. With https it has the prefix `__Host-`, so that no other host can set it (RFC 6265bis §4.1.3.2). */
export function cookieName(name: string): string {
  return isHttps ? `__Host-${name}` : name;
}

/** The cookies that each request has set so far, by the request's headers. */
const cookiesSet = perProcess("cookies set by requests", () => new WeakMap<object, Map<string, string>>());

/**
 * Reads a cookie of this request, or the value that the request has set it to. Returns undefined if there is no such cookie.
 * Cookies are ignored, and the result is undefined, if the request carries a bearer token or if a script on a page of another
 * origin sent it.
 *
 * The header is read here, because `cookies()` of Next.js prepares to set cookies with each request, which costs 5 % of a profile.
 */
export async function readCookie(name: string): Promise<string | undefined> {
  const asked = await headers();
  if (ignoresCookies(asked)) return undefined;
  const sent = pairsOf(asked).findLast((pair) => pair.startsWith(`${name}=`));
  return cookiesSet.get(asked)?.get(name) ?? sent?.slice(name.length + 1);
}

/** Lists the cookies of this request whose names begin with `prefix`, as the browser sent them. Ignores cookies as `readCookie` does. */
export async function listCookies(prefix: string): Promise<{ name: string; value: string }[]> {
  const asked = await headers();
  if (ignoresCookies(asked)) return [];
  return pairsOf(asked)
    .filter((pair) => pair.startsWith(prefix) && pair.includes("="))
    .map((pair) => ({ name: pair.slice(0, pair.indexOf("=")), value: pair.slice(pair.indexOf("=") + 1) }));
}

const ignoresCookies = (asked: Headers) => readBearer(asked) !== null || hasForeignOrigin(asked);
const pairsOf = (asked: Headers) => (asked.get("cookie") ?? "").split(/; */);

/** The attributes of each cookie that this server sets, except for its lifetime. */
export const COOKIE_OPTIONS = { httpOnly: true, sameSite: "lax", path: "/", secure: isHttps } as const;

/** Sets a cookie of this browser for `ttlMs`. Only for server actions and route handlers. */
export async function setCookie(name: string, value: string, { ttlMs }: { ttlMs: number }): Promise<void> {
  const asked = await headers();
  (await cookies()).set(name, value, { ...COOKIE_OPTIONS, maxAge: ttlMs / 1000 });
  const values = cookiesSet.get(asked) ?? new Map<string, string>();
  cookiesSet.set(asked, values.set(name, value));
}

/** Removes a cookie of this browser. Only for server actions and route handlers. */
export function removeCookie(name: string): Promise<void> {
  return setCookie(name, "", { ttlMs: 0 });
}
