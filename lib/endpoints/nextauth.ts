import { readBody } from "@/lib/apis/body";
import { answerNextAuth, type NextAuthRoute } from "@/lib/auth/nextauth";
import { refuse, verbs } from "./verbs";

/** NextAuth's own addresses, `/api/auth/…`. Bodies are read here: what is wrong with one would be an error of NextAuth's. */
export const nextauth = verbs<Request, NextAuthRoute>({
  GET: (request, route) => answerNextAuth(request, route),
  POST: async (request, route) => {
    const body = await readBody(request);
    if (!body.ok) return refuse(body.failure.name);
    return answerNextAuth(request, route, body.value);
  },
});
