// @ts-check
// A book club that people log in to with their Sarafan account. It knows the issuer's address and what the operator gave it, and
// nothing else of Sarafan. Read this file first, then login.mjs.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { AuthorizationResponseError } from "openid-client";
import { Webhook } from "standardwebhooks";
import { findMember, handleEvent, rename, starsOf, welcome } from "./club.mjs";
import { connect } from "./login.mjs";
import { contentSecurityPolicy, languageOf, memberPage, problemPage, visitorPage, wordsOf } from "./pages.mjs";

const { ISSUER = "", CLIENT_ID = "", CLIENT_SECRET = "", WEBHOOK_SECRET = "", PORT = "4000" } = process.env;
/** Only this machine reaches the club. It is not localhost, where Sarafan is: cookies of two ports would be one jar. */
const HOST = "127.0.0.1";
const ORIGIN = `http://${HOST}:${PORT}`;
/** Its name differs from those of Sarafan, in case both have one host after all. */
const COOKIE = "book-club";
const VISIT_MS_MAX = 8 * 60 * 60 * 1000;
/** The oldest visits make room, so that strangers who begin logins can't fill the memory. */
const VISITS_MAX = 10_000;
const ATTEMPTS_PER_VISIT_MAX = 20;
const BODY_BYTES_MAX = 64 * 1024;

const sarafan = await connect({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, origin: ORIGIN });
const webhook = new Webhook(WEBHOOK_SECRET);

/**
 * What the club knows of a browser: the logins that it has begun, by their `state` (one for each tab), and the one that succeeded.
 *
 * @typedef {{ since: number, attempts: Map<string, import("./login.mjs").Attempt>, login: import("./login.mjs").Login | null }} Visit
 */

/** Visits by the value of the cookie. @type {Map<string, Visit>} */
const visits = new Map();

/** @param {import("node:http").IncomingMessage} request */
function findVisit(request) {
  const [, id = ""] = new RegExp(`(?:^|; )${COOKIE}=([\\w-]+)`).exec(request.headers.cookie ?? "") ?? [];
  const visit = visits.get(id);
  return visit && Date.now() - visit.since < VISIT_MS_MAX ? { id, ...visit } : null;
}

/** Keeps a visit under a new id and returns the header that gives it to the browser. @param {Omit<Visit, "since">} visit */
function keepVisit(visit) {
  const id = randomBytes(32).toString("base64url");
  visits.set(id, { since: Date.now(), ...visit });
  for (const oldest of visits.keys()) if (visits.size > VISITS_MAX) visits.delete(oldest);
  return { "set-cookie": `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax` };
}

/**
 * An answer: its status, a text of HTML unless there is none, and more headers.
 *
 * @typedef {{ status: number, html?: string, headers?: Record<string, string> }} Answer
 */

/** @param {string | URL} where @param {Record<string, string>} headers @returns {Answer} */
const goTo = (where, headers = {}) => ({ status: 303, headers: { location: String(where), ...headers } });

/** @typedef {{ request: import("node:http").IncomingMessage, url: URL, body: string, language: string }} Asked */

/** What the club does, by verb and path. @type {Record<string, (asked: Asked) => Answer | Promise<Answer>>} */
const routes = {
  "GET /": ({ request, url, language }) => {
    const login = findVisit(request)?.login;
    const member = login && findMember(login.sub);
    if (!login || !member) return { status: 200, html: visitorPage(language, url.searchParams.get("invite")) };
    const { phone_number = null, phone_number_verified, invited_by, referral_count, first_login } = login.person;
    const html = memberPage(language, {
      name: member.name,
      phone: phone_number_verified ? phone_number : null,
      inviter: invited_by === null ? null : findMember(String(invited_by))?.name,
      isFirstLogin: first_login === true,
      stars: starsOf(member.inviteCode),
      referrals: Number(referral_count),
      link: `${ORIGIN}/?${new URLSearchParams({ invite: member.inviteCode })}`,
    });
    return { status: 200, html };
  },

  "GET /login": async ({ request, url, language }) => {
    const { url: loginUrl, attempt } = await sarafan.begin({ invite: url.searchParams.get("invite"), language });
    const visit = findVisit(request);
    const attempts = visit?.attempts ?? new Map();
    attempts.set(attempt.state, attempt);
    for (const oldest of attempts.keys()) if (attempts.size > ATTEMPTS_PER_VISIT_MAX) attempts.delete(oldest);
    return goTo(loginUrl, visit ? {} : keepVisit({ attempts, login: null }));
  },

  "GET /callback": async ({ request, url, language }) => {
    const visit = findVisit(request);
    const state = url.searchParams.get("state") ?? "";
    const attempt = visit?.attempts.get(state);
    // The page was loaded again, or another browser opened its address.
    if (!visit || !attempt) return visit?.login ? goTo("/") : { status: 400, html: problemPage(language, "failed") };
    visit.attempts.delete(state);
    try {
      const login = await sarafan.finish(url, attempt);
      welcome(login.sub, { name: wordsOf(language).newcomer, inviteCode: String(login.person.invite_code) });
      // Under a new id, so that a stranger who planted the cookie before the login does not have the member's.
      visits.delete(visit.id);
      return goTo("/", keepVisit({ attempts: visit.attempts, login }));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      console.error(`A login failed: ${error.message}`);
      const isDenied = error instanceof AuthorizationResponseError && error.error === "access_denied";
      return { status: 403, html: problemPage(language, isDenied ? "denied" : "failed") };
    }
  },

  "POST /name": ({ request, body }) => {
    const login = findVisit(request)?.login;
    const name = new URLSearchParams(body).get("name")?.trim().slice(0, 40);
    if (login && name) rename(login.sub, name);
    return goTo("/");
  },

  "POST /refresh": async ({ request, language }) => {
    const visit = findVisit(request);
    if (!visit?.login) return goTo("/");
    // Takes the login away while its refresh token is exchanged. A second request with the same token would end the login at Sarafan.
    const { attempts, login } = visit;
    visits.delete(visit.id);
    try {
      return goTo("/", keepVisit({ attempts, login: await sarafan.refresh(login) }));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      console.error(`A refresh failed: ${error.message}`);
      return { status: 403, html: problemPage(language, "ended") };
    }
  },

  "POST /logout": ({ request }) => {
    const visit = findVisit(request);
    if (!visit?.login) return goTo("/");
    visits.delete(visit.id);
    return goTo(sarafan.logoutUrl(visit.login));
  },

  // Called by Sarafan when a session ended there, or an account.
  "POST /backchannel-logout": async ({ body }) => {
    const token = new URLSearchParams(body).get("logout_token") ?? "";
    const ended = await sarafan.readLogoutToken(token).catch(() => null);
    if (!ended) return { status: 400 };
    for (const [id, { login }] of visits) {
      const isEnded = ended.sid === undefined ? login?.sub === ended.sub : login?.sid === ended.sid;
      if (login && isEnded) visits.delete(id);
    }
    return { status: 200 };
  },

  // Called by Sarafan for each event. Only its signature tells that it comes from there (Standard Webhooks).
  "POST /webhooks": ({ request, body }) => {
    try {
      const headers = /** @type {Record<string, string>} */ (request.headers);
      handleEvent(/** @type {Parameters<typeof handleEvent>[0]} */ (webhook.verify(body, headers)));
      return { status: 204 };
    } catch {
      return { status: 400 };
    }
  },
};

/** What other servers call. Everything else that changes something comes from the club's own pages. */
const CALLED_BY_SARAFAN = ["/backchannel-logout", "/webhooks"];

/** Returns the body, or null if it is too long. @param {import("node:http").IncomingMessage} request */
async function readBody(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
  }
  return Buffer.concat(chunks).toString();
}

/** @param {import("node:http").IncomingMessage} request @returns {Promise<Answer>} */
async function answer(request) {
  const url = new URL(request.url ?? "/", ORIGIN);
  const route = routes[`${request.method} ${url.pathname}`];
  if (!route) return { status: 404 };
  const isFromElsewhere = request.headers.origin !== ORIGIN && !CALLED_BY_SARAFAN.includes(url.pathname);
  if (request.method === "POST" && isFromElsewhere) return { status: 403 };
  const body = await readBody(request);
  if (body === null) return { status: 413 };
  return route({ request, url, body, language: languageOf(request.headers["accept-language"]) });
}

const server = createServer(async (request, response) => {
  const { status, html, headers } = await answer(request).catch((error) => {
    console.error(error);
    return /** @type {Answer} */ ({ status: 500 });
  });
  response.writeHead(status, {
    ...(html !== undefined && { "content-type": "text/html; charset=utf-8" }),
    "cache-control": "no-store",
    "content-security-policy": contentSecurityPolicy(ISSUER),
    // The address of the callback has a code, which no other site should get. `same-origin` keeps the header Origin on forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(html);
});
server.once("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => console.log(`The book club is at ${ORIGIN}/ (Ctrl-C ends it)`));
