import { AsyncLocalStorage } from "node:async_hooks";
import { cookies, headers } from "next/headers";
import { NextRequest } from "next/server";
import NextAuth, { type AuthError, CredentialsSignin } from "next-auth";
import Credentials from "next-auth/providers/credentials";
import { cache } from "react";
import { z } from "zod";
import { type NewSession, type SignIn, type SignInFailure, signInByPhone } from "@/lib/core/accounts/sign-in";
import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { SESSION_TTL_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { checkSession, endSession, type Session } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";
import { assertOwnRequest, ownAddress } from "@/lib/http/origin";
import { logError } from "@/lib/ops/log";
import { COOKIE_OPTIONS, cookieName, readCookie } from "./cookies";
import { readPendingLogin } from "./pending-login";
import { currentRequester, namedBrowser, rememberBrowser } from "./requesters";
import { seal, sealsOf, unseal } from "./sealed-cookie";
import { notifySignIn } from "./security-notices";

/** The cookie of a browser that is logged in. */
export const SESSION_COOKIE = cookieName("sarafan-session");
const CALLBACK_COOKIE = cookieName("authjs.callback-url");
const SESSION_SEAL = { purpose: SESSION_COOKIE, schema: z.object({ sid: z.string() }), ttlMs: SESSION_TTL_MS };

const LoginCredentials = z.object({ phone: Phone, code: TypedCode, invite: InviteCode.nullish() });

/** Why a login was refused; clients of NextAuth's own address read it as `code`. */
class LoginRefused extends CredentialsSignin {
  constructor(code: string) {
    super();
    this.code = code;
  }
}

/** At NextAuth's own address: the phone and the code that was sent to it, in the browser that asked for it. */
async function verifyCredentials(
  credentials: Record<string, unknown>,
  requester: Requester,
  session: NewSession,
): Promise<Result<SignIn, SignInFailure | { name: "code_not_requested" }>> {
  const given = LoginCredentials.safeParse(credentials);
  if (!given.success) throw new LoginRefused(given.error.issues[0]?.message ?? "credentials_malformed");
  const holder = (await readPendingLogin())?.holder;
  if (!holder) return fail({ name: "code_not_requested" });
  const { invite = null, ...typed } = given.data;
  return signInByPhone({ ...typed, invite, holder }, requester, { session });
}

/** Proves who logs in, and opens the session. */
type Prove<Failure extends { name: string } = { name: string }> = (
  requester: Requester,
  session: NewSession,
) => Promise<Result<SignIn, Failure>>;

/**
 * The fields of the body that came to NextAuth's own address. NextAuth hands text to `authorize`, and a code that came as a number has
 * lost its leading zeros, which text has not; so the fields go past it.
 */
const givenFields = new AsyncLocalStorage<Record<string, unknown>>();

/** Runs `prove` for this browser; where it succeeds, the browser is recognised from then on. */
async function openBrowserSession<Failure extends { name: string }>(
  prove: Prove<Failure>,
): Promise<Result<SignIn & { session: Session }, Failure>> {
  const requester = await currentRequester();
  const browser = namedBrowser(requester);
  const login = await prove(requester, { kind: "browser", browserId: browser.id });
  if (!login.ok) return login;
  const { session, proven } = login.value;
  if (!session) throw new Error("a sign-in has opened no session");
  await rememberBrowser(browser, proven);
  notifySignIn(session, requester);
  return succeed({ ...login.value, session });
}

/** What NextAuth logs as errors though it is somebody's typing, or a cookie from before the secret changed. */
const EXPECTED_ERRORS = [
  "CredentialsSignin",
  "InvalidCallbackUrl",
  "InvalidProvider",
  "JWTSessionError",
  "MissingCSRF",
  "UnknownAction",
];

const { handlers } = NextAuth({
  secret: env.AUTH_SECRET,
  trustHost: true,
  useSecureCookies: env.APP_URL.startsWith("https:"),
  session: { strategy: "jwt", maxAge: SESSION_TTL_MS / 1000 },
  jwt: sealsOf(SESSION_SEAL.purpose, SESSION_SEAL.ttlMs),
  cookies: {
    sessionToken: { name: SESSION_COOKIE, options: COOKIE_OPTIONS },
    csrfToken: { name: cookieName("authjs.csrf-token"), options: COOKIE_OPTIONS },
    callbackUrl: { name: CALLBACK_COOKIE, options: COOKIE_OPTIONS },
  },
  pages: { signIn: "/login", signOut: "/profile", error: "/login" },
  providers: [
    Credentials({
      credentials: { phone: { type: "tel" }, code: {}, invite: {} },
      authorize: async () => {
        const fields = givenFields.getStore();
        if (!fields) throw new Error("NextAuth was asked to sign in, and not by its own address");
        const opened = await openBrowserSession((requester, session) => verifyCredentials(fields, requester, session));
        if (!opened.ok) throw new LoginRefused(opened.failure.name);
        return { id: opened.value.session.id };
      },
    }),
  ],
  callbacks: {
    // The token names our row and says nothing else.
    jwt: ({ token, user }) => ({ sid: user?.id ?? token.sid }),
    redirect: ({ url }) => ownAddress(url),
  },
  logger: {
    error: (error) => {
      if (!EXPECTED_ERRORS.includes((error as AuthError).type)) logError(error, "unexpected in NextAuth");
    },
  },
});

/**
 * The session of the requester, or null. Its row is read with each request, so that ending it works at once, and once for all
 * parts of a page. Not through NextAuth, which takes whatever fails meanwhile for a bad cookie and removes it: a database that is
 * busy would log people out.
 */
export const currentSession = cache(async (): Promise<Session | null> => {
  const token = await unseal(SESSION_SEAL, await readCookie(SESSION_COOKIE));
  return token && checkSession(token.sid);
});

/** Which of NextAuth's addresses is asked for: what stands behind `/api/auth/`. */
export interface NextAuthRoute {
  params: Promise<{ nextauth: string[] }>;
}

/** What is served of NextAuth: what a login by its one provider needs, and what leads to pages of ours. */
const SERVED = {
  GET: ["csrf", "error", "providers", "signin", "signout"],
  POST: ["callback/credentials", "signout"],
};

/** Answers a GET at one of NextAuth's own addresses, or with the fields of its body a POST. */
export async function answerNextAuth(
  request: Request,
  { params }: NextAuthRoute,
  fields: Record<string, unknown> | null = null,
): Promise<Response> {
  const action = (await params).nextauth.join("/");
  if (!SERVED[fields ? "POST" : "GET"].includes(action)) return new Response(null, { status: 404 });
  if (!fields) return handlers.GET(atPublicAddress(request));
  const answer = await givenFields.run(fields, () => handlers.POST(atPublicAddress(request, fields)));
  // It takes the cookie away from those only whose form carried its token.
  const isSignedOut = answer.headers.getSetCookie().some((set) => set.startsWith(`${SESSION_COOKIE}=;`));
  if (action === "signout" && isSignedOut) await endCurrentSession();
  return answer;
}

/** Answers when the session of this browser ends, or `null` without one. NextAuth would read the token alone, and not the session's row. */
export async function answerSession(): Promise<Response> {
  const session = await currentSession();
  return Response.json(session && { expires: session.expiresAt }, {
    headers: { "Cache-Control": "private, no-store" },
  });
}

async function endCurrentSession(): Promise<void> {
  const session = await currentSession();
  if (session) await endSession(session.id);
}

/**
 * Behind a proxy Next knows the address that it listens on; NextAuth's redirects have to lead to the public one. Whatever
 * else stands in the address would come to nothing, or to an error.
 */
function atPublicAddress({ url, method, headers: given }: Request, fields?: Record<string, unknown>): NextRequest {
  const address = new URL(new URL(url).pathname, env.APP_URL);
  const headers = new Headers(given);
  // What else than an address of NextAuth's making stands in this cookie, it would call an error of ours.
  const cookiesSent = (given.get("cookie") ?? "").split("; ").filter((pair) => !pair.startsWith(`${CALLBACK_COOKIE}=`));
  headers.set("cookie", cookiesSent.join("; "));
  if (!fields) return new NextRequest(address, { method, headers });
  // NextAuth reads text, and some objects in JSON have none.
  const plain = Object.entries(fields).filter(([, value]) => typeof value !== "object");
  const form = plain.map(([name, value]) => [name, String(value)]);
  headers.set("Content-Type", "application/x-www-form-urlencoded");
  return new NextRequest(address, { method, headers, body: new URLSearchParams(form) });
}

/**
 * Logs this browser in when `prove` succeeds, in place of the account that was logged in before. Its cookie is the one that NextAuth
 * sets at its own address. Only in server actions and route handlers.
 */
export async function logIn<Failure extends { name: string }>(prove: Prove<Failure>): Promise<Result<SignIn, Failure>> {
  assertOwnRequest(await headers());
  const previous = await currentSession();
  const login = await openBrowserSession(prove);
  if (!login.ok) return login;
  const token = seal(SESSION_SEAL, { sid: login.value.session.id });
  (await cookies()).set(SESSION_COOKIE, token, { ...COOKIE_OPTIONS, maxAge: SESSION_SEAL.ttlMs / 1000 });
  if (previous) await endSession(previous.id);
  return login;
}

/** Ends the session of this browser. Only in server actions. */
export async function logOut(): Promise<void> {
  // First the row: without it the cookie is worth nothing, whatever becomes of the rest.
  await endCurrentSession();
  (await cookies()).set(SESSION_COOKIE, "", { ...COOKIE_OPTIONS, maxAge: 0 });
}
