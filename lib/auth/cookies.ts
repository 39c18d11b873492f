import { env } from "@/lib/env";

const isSecure = env.APP_URL.startsWith("https:");

/** A cookie's name, bound to this very host by its prefix where there is https (RFC 6265bis §4.1.3.2). */
export function cookieName(name: string): string {
  return isSecure ? `__Host-${name}` : name;
}

/** How every cookie of ours is kept. */
export const COOKIE_OPTIONS = { httpOnly: true, sameSite: "lax", path: "/", secure: isSecure } as const;
