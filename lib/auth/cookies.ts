import { cookies, headers } from "next/headers";
import { env } from "@/lib/env";
import { readBearer } from "@/lib/http/authorization";
import { isOfForeignPage } from "@/lib/http/origin";

const isSecure = env.APP_URL.startsWith("https:");

/** A cookie's name, bound to this very host by its prefix where there is https (RFC 6265bis §4.1.3.2). */
export function cookieName(name: string): string {
  return isSecure ? `__Host-${name}` : name;
}

/**
 * A cookie of this request that says who sent it. Undefined where cookies don't count: beside a bearer token, and in what the
 * script of a page of another origin sent.
 */
export async function readCookie(name: string): Promise<string | undefined> {
  const asked = await headers();
  if (readBearer(asked) !== null || isOfForeignPage(asked)) return undefined;
  return (await cookies()).get(name)?.value;
}

/** How every cookie of ours is kept. */
export const COOKIE_OPTIONS = { httpOnly: true, sameSite: "lax", path: "/", secure: isSecure } as const;
