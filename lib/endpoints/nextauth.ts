import { type Fields, readBody } from "@/lib/apis/body";
import { answerNextAuth, answerSession, type NextAuthRoute } from "@/lib/auth/nextauth";
import { refuse, verbs } from "./verbs";

/** Serves NextAuth's own addresses, `/api/auth/…`. */
export const nextauth = verbs<NextAuthRoute>({
  GET: (request, route) => answerNextAuth(request, route),
  POST: (request, route) => withBody(request, (fields) => answerNextAuth(request, route, fields)),
});

/**
 * Serves NextAuth's address for the session, `/api/auth/session`. It has a route of its own, because it gets the most requests and
 * Next.js matches a fixed address faster than one with parameters.
 */
export const nextauthSession = verbs({
  GET: answerSession,
  POST: (request) => withBody(request, answerSession),
});

/** Reads the body before NextAuth does, because NextAuth answers a malformed body with status 500. */
async function withBody(request: Request, answer: (fields: Fields) => Promise<Response>): Promise<Response> {
  const body = await readBody(request);
  return body.ok ? answer(body.value) : refuse(body.failure.name);
}
