import type { Session } from "@/lib/core/sessions";
import { currentSession } from "./nextauth";
import { readAccessToken } from "./tokens";

/** Who asks; without a session, whether that is for want of credentials or because those given are worth nothing. */
export type Credentials = { session: Session } | { session: null; problem: "missing" | "invalid" };

/**
 * Reads who asks from the `Authorization` header, and only where there is none from the browser's cookie: a page
 * elsewhere can have a cookie sent, but not the header.
 */
export async function readCredentials(headers: Headers): Promise<Credentials> {
  const authorization = headers.get("authorization");
  if (authorization === null) {
    const session = await currentSession();
    return session ? { session } : { session, problem: "missing" };
  }
  const [, token] = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization) ?? [];
  if (!token) return { session: null, problem: /^Bearer\b/i.test(authorization) ? "invalid" : "missing" };
  const session = await readAccessToken(token);
  return session ? { session } : { session, problem: "invalid" };
}
