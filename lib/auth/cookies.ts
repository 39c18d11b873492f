import { cookies, headers } from "next/headers";
import { env } from "@/lib/env";
import { readBearer } from "@/lib/http/authorization";
import { isOfForeignPage } from "@/lib/http/origin";

const isSecure = env.APP_URL.startsWith("https:");

/** The name that a cookie is set under. With https it has the prefix `__Host-`, so that no other host can set it (RFC 6265bis §4.1.3.2). */
export function cookieName(name: string): string {
  return isSecure ? `__Host-${name}` : name;
}

/**
 * Reads a cookie of this request. Returns undefined if the request has no such cookie. Cookies are ignored, and the result is
 * undefined, if the request carries a bearer token or if a script on a page of another origin sent it.
 */
export async function readCookie(name: string): Promise<string | undefined> {
  const asked = await headers();
  if (readBearer(asked) !== null || isOfForeignPage(asked)) return undefined;
  return (await cookies()).get(name)?.value;
}

/** The attributes of each cookie that this server sets, except for its lifetime. */
export const COOKIE_OPTIONS = { httpOnly: true, sameSite: "lax", path: "/", secure: isSecure } as const;
