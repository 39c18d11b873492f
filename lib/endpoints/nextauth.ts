import { type Fields, readBody } from "@/lib/apis/body";
import { answerNextAuth, answerSession, type NextAuthRoute } from "@/lib/auth/nextauth";
import { refuse, verbs } from "./verbs";

/** NextAuth's own addresses, `/api/auth/…`. */
export const nextauth = verbs<Request, NextAuthRoute>({
  GET: (request, route) => answerNextAuth(request, route),
  POST: (request, route) => withBody(request, (fields) => answerNextAuth(request, route, fields)),
});

/**
 * NextAuth's address for the session, `/api/auth/session`. A route of its own, because it is asked for more than any other and Next.js
 * finds a fixed address sooner than one with parameters.
 */
export const nextauthSession = verbs({
  GET: answerSession,
  POST: (request) => withBody(request, answerSession),
});

/** Reads the body before NextAuth does, to which a malformed one would be an error of the server. */
async function withBody(request: Request, answer: (fields: Fields) => Promise<Response>): Promise<Response> {
  const body = await readBody(request);
  return body.ok ? answer(body.value) : refuse(body.failure.name);
}
