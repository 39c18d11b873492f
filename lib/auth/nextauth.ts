import { AsyncLocalStorage } from "node:async_hooks";
import { headers } from "next/headers";
import { NextRequest } from "next/server";
import NextAuth, { type AuthError, CredentialsSignin } from "next-auth";
import Credentials from "next-auth/providers/credentials";
import { cache } from "react";
import { z } from "zod";
import { type NewSession, type SignIn, signInByPhone } from "@/lib/core/accounts/sign-in";
import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { getInvite } from "@/lib/core/invites/look-up";
import { SESSION_TTL_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { replaceSession } from "@/lib/core/sessions/replace-session";
import { checkSession, endSession, type Session } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";
import { assertOwnRequest, ownAddress } from "@/lib/http/origin";
import { logError } from "@/lib/ops/log";
import { COOKIE_OPTIONS, cookieName, readCookie, removeCookie, setCookie } from "./cookies";
import { currentRequester, recognisedOrNewBrowser, rememberBrowser } from "./current-requester";
import { readPendingLogin } from "./pending-login-cookie";
import { decryptToken, encryptToken, nextAuthCodec } from "./sealed-cookie";
import { notifySignIn } from "./security-notices";

/** The name of the cookie that holds a browser's session. */
export const SESSION_COOKIE = cookieName("sarafan-session");
const CALLBACK_COOKIE = cookieName("authjs.callback-url");
const SESSION_TOKEN_KIND = { purpose: SESSION_COOKIE, schema: z.object({ sid: z.string() }), ttlMs: SESSION_TTL_MS };

const LoginCredentials = z.object({ phone: Phone, code: TypedCode, invite: InviteCode.nullish() });

/** A refused login, thrown inside `authorize`. NextAuth answers its client with `code`, the name of the failure. */
class LoginRefused extends CredentialsSignin {
  constructor(code: string) {
    super();
    this.code = code;
  }
}

/**
 * Signs in by the fields of a POST to `/api/auth/callback/credentials`: `phone`, `code`, `invite`. The code must have been
 * requested by this browser. Throws `LoginRefused` for fields that don't parse.
 */
async function verifyCredentials(
  credentials: Record<string, unknown>,
  requester: Requester,
  session: NewSession,
): Promise<Result<SignIn, { name: string }>> {
  const given = LoginCredentials.safeParse(credentials);
  if (!given.success) throw new LoginRefused(given.error.issues[0]?.message ?? "credentials_malformed");
  const holder = (await readPendingLogin())?.holder;
  if (!holder) return fail({ name: "code_not_requested" });
  const { invite: inviteCode, ...typed } = given.data;
  const found = inviteCode ? await getInvite(inviteCode, requester) : succeed(null);
  if (!found.ok) return found;
  return signInByPhone({ ...typed, invite: found.value, holder }, requester, { session });
}

/** Verifies the code of a login and opens a session of the kind and browser that `session` names. */
type SignInStep<Failure extends { name: string } = { name: string }> = (
  requester: Requester,
  session: NewSession,
) => Promise<Result<SignIn, Failure>>;

/**
 * The fields of the request that NextAuth is answering, with their JSON types. NextAuth passes them to `authorize` as text,
 * which would hide that a code was sent as a number and lost its leading zeros.
 */
const requestFields = new AsyncLocalStorage<Record<string, unknown>>();

/**
 * Runs `signIn` with this browser as the requester. After a success it sets the recognised-browser cookie and, once the response was sent,
 * mails the account a security notice if the device is new. The failures are those of `signIn`.
 */
async function openBrowserSession<Failure extends { name: string }>(
  signIn: SignInStep<Failure>,
): Promise<Result<SignIn & { session: Session }, Failure>> {
  const requester = await currentRequester();
  const browser = recognisedOrNewBrowser(requester);
  const login = await signIn(requester, { kind: "browser", browserId: browser.id });
  if (!login.ok) return login;
  const { session, proven } = login.value;
  if (!session) throw new Error("a sign-in of a browser succeeded without opening a session");
  await rememberBrowser(browser, proven);
  notifySignIn(session, requester);
  return succeed({ ...login.value, session });
}

/** The types of errors that a client causes: wrong input, or a cookie from before AUTH_SECRET changed. They are not logged. */
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
  jwt: nextAuthCodec(SESSION_TOKEN_KIND),
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
        const fields = requestFields.getStore();
        if (!fields) throw new Error("NextAuth's authorize ran outside answerNextAuth");
        const opened = await openBrowserSession((requester, session) => verifyCredentials(fields, requester, session));
        if (!opened.ok) throw new LoginRefused(opened.failure.name);
        return { id: opened.value.session.id };
      },
    }),
  ],
  callbacks: {
    // The cookie holds the id of the session's row and nothing else.
    jwt: ({ token, user }) => ({ sid: user?.id ?? token.sid }),
    redirect: ({ url }) => ownAddress(url),
  },
  logger: {
    error: (error) => {
      if (!EXPECTED_ERRORS.includes((error as AuthError).type)) logError(error, "unexpected error in NextAuth");
    },
  },
});

/**
 * Returns the session of this request's cookie, or null without a valid cookie. Each request reads the session's row, so that a
 * session that was ended is refused from the next request on. React's `cache` makes that one read for all parts of a page. In a
 * server action or a route handler `cache` keeps nothing: there, pass the session on. Throws when the database fails.
 * NextAuth's `auth()` is not used, because after any error it removes the cookie: a busy database would log people out.
 */
export const currentSession = cache(async (): Promise<Session | null> => {
  const token = decryptToken(SESSION_TOKEN_KIND, await readCookie(SESSION_COOKIE));
  return token && checkSession(token.sid);
});

/** The path of a request below `/api/auth/`, in segments, as Next.js passes it to the route. */
export interface NextAuthRoute {
  params: Promise<{ nextauth: string[] }>;
}

/** The paths of NextAuth that are served: those that a login by the credentials provider needs. All others are 404. */
const SERVED_PATHS = {
  GET: ["csrf", "error", "providers", "signin", "signout"],
  POST: ["callback/credentials", "signout"],
};

/**
 * Answers a request to one of NextAuth's own addresses: those of `SERVED_PATHS`, and 404 for any other. `fields` are the fields
 * of a POST's body; null stands for a GET.
 */
export async function answerNextAuth(
  request: Request,
  { params }: NextAuthRoute,
  fields: Record<string, unknown> | null = null,
): Promise<Response> {
  const action = (await params).nextauth.join("/");
  if (!SERVED_PATHS[fields ? "POST" : "GET"].includes(action)) return new Response(null, { status: 404 });
  if (!fields) return handlers.GET(atPublicAddress(request));
  const answer = await requestFields.run(fields, () => handlers.POST(atPublicAddress(request, fields)));
  // NextAuth removes the cookie only if the form carried the right CSRF token, so a forged form ends no session.
  const isSignedOut = answer.headers.getSetCookie().some((set) => set.startsWith(`${SESSION_COOKIE}=;`));
  if (action === "signout" && isSignedOut) await endCurrentSession();
  return answer;
}

/**
 * Answers `/api/auth/session` with `{ expires }`, or `null` without a valid session. NextAuth's own handler would read the cookie
 * and not the session's row, so that a session that was ended would still be shown.
 */
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
 * Rewrites a request for NextAuth. The request's origin becomes APP_URL, because NextAuth builds redirects from it and Next.js
 * knows only the address that it listens on. The query is dropped: no served address reads it, and some make NextAuth throw.
 */
function atPublicAddress({ url, method, headers: given }: Request, fields?: Record<string, unknown>): NextRequest {
  const address = new URL(new URL(url).pathname, env.APP_URL);
  const headers = new Headers(given);
  // NextAuth throws when this cookie, which a client can set, holds no valid address.
  const cookiesSent = (given.get("cookie") ?? "").split("; ").filter((pair) => !pair.startsWith(`${CALLBACK_COOKIE}=`));
  headers.set("cookie", cookiesSent.join("; "));
  if (!fields) return new NextRequest(address, { method, headers });
  // NextAuth reads a form, whose fields are text. Objects and null have no text, so they are left out.
  const plain = Object.entries(fields).filter(([, value]) => typeof value !== "object");
  const form = plain.map(([name, value]) => [name, String(value)]);
  headers.set("Content-Type", "application/x-www-form-urlencoded");
  return new NextRequest(address, { method, headers, body: new URLSearchParams(form) });
}

/**
 * Logs this browser in if `signIn` succeeds: sets the session cookie, as NextAuth sets it after a login at its own address, and
 * replaces the session that the browser had before. The failures are those of `signIn`. Throws for a request that a page of another
 * origin sent. Only for server actions and route handlers, because it sets cookies.
 */
export async function logIn<Failure extends { name: string }>(
  signIn: SignInStep<Failure>,
): Promise<Result<SignIn, Failure>> {
  assertOwnRequest(await headers());
  const previous = await currentSession();
  const login = await openBrowserSession(signIn);
  if (!login.ok) return login;
  const token = encryptToken(SESSION_TOKEN_KIND, { sid: login.value.session.id });
  await setCookie(SESSION_COOKIE, token, SESSION_TOKEN_KIND);
  if (previous) await replaceSession(previous, login.value.session);
  return login;
}

/** Ends the session of this browser and removes its cookie. Only for server actions, because it sets a cookie. */
export async function logOut(): Promise<void> {
  // The session's row is ended first, so that the cookie is not valid any more even if removing the cookie fails.
  await endCurrentSession();
  await forgetSession();
}

/** Removes the session's cookie from this browser after the session or its account was ended. Only for server actions. */
export async function forgetSession(): Promise<void> {
  await removeCookie(SESSION_COOKIE);
}
