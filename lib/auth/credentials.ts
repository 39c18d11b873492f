import type { Session } from "@/lib/core/sessions/sessions";
import { readBearer } from "@/lib/http/authorization";
import { currentSession } from "./nextauth";
import { readAccessToken } from "./tokens";

/** Who asks; without a session, whether that is for want of credentials or because those given are worth nothing. */
export type Credentials = { session: Session } | { session: null; problem: "missing" | "invalid" };

/** Reads who asks from the bearer token, and only where there is none from the browser's cookie. */
export async function readCredentials(headers: Headers): Promise<Credentials> {
  const token = readBearer(headers);
  if (token === null) {
    const session = await currentSession();
    return session ? { session } : { session, problem: "missing" };
  }
  const session = await readAccessToken(token);
  return session ? { session } : { session, problem: "invalid" };
}
