import type { Session } from "@/lib/core/sessions/sessions";
import { readBearer } from "@/lib/http/authorization";
import { currentSession } from "./nextauth";
import { readAccessToken } from "./tokens";

/** The session of a request. Without one, `problem` says whether credentials were missing or not valid. */
export type Credentials = { session: Session } | { session: null; problem: "missing" | "invalid" };

/**
 * Finds the session of a request by its bearer token, or by its session cookie if it has no bearer token. A bearer token that
 * is not valid is `invalid`, even beside a valid cookie (RFC 6750 §3.1).
 */
export async function readCredentials(headers: Headers): Promise<Credentials> {
  const token = readBearer(headers);
  if (token === null) {
    const session = await currentSession();
    return session ? { session } : { session, problem: "missing" };
  }
  const session = await readAccessToken(token);
  return session ? { session } : { session, problem: "invalid" };
}
