import { createHash } from "node:crypto";
import { expect, _baseTest as test } from "playwright/test";
import { issueAuthorizationCode } from "@/lib/core/oauth/authorization-codes";
import { readAuthorizationRequest } from "@/lib/core/oauth/authorization-request";
import type { OAuthClient } from "@/lib/core/oauth/clients";
import { drawToken } from "@/lib/core/oauth/random-token";
import { readScopes } from "@/lib/core/oauth/scopes";
import { freshClient, freshRequest, freshSession } from "@/lib/testing/oauth";
import { type OracleClient, startOracle } from "@/lib/testing/oracle";
import { revoke, token } from "./oauth-token";
import { userinfo } from "./oauth-userinfo";

// Requests, good and malformed, that are sent to this server and to a certified provider. Both must answer with the same status and
// error, except where DIFFERENCES says why not.

/** A status, and the error of the answer: `none` without one, `page` for an answer that is no redirect and has no error in JSON. */
type Answer = `${number} ${string}`;

interface Asked {
  method?: "GET" | "POST";
  path: string;
  headers?: Record<string, string>;
  body?: URLSearchParams | string;
}

/** One of the two providers, with what the requests need of it. */
interface Side {
  ask(asked: Asked): Promise<Response>;
  makeCode(client: OracleClient, scope: string, codeChallenge: string): Promise<string>;
}

/** An answer to /oauth/authorize as its route makes it: a redirect to the application, or a page. */
async function answerAuthorize(url: URL): Promise<Response> {
  const read = await readAuthorizationRequest(url.searchParams);
  const failure = read.ok ? null : read.failure;
  if (failure?.name === "untrusted") return new Response("a page", { status: 400 });
  const query = failure ? `?error=${failure.error}` : "";
  return new Response(null, { status: 303, headers: { Location: `https://app.example/callback${query}` } });
}

async function ourSide(clients: Map<string, OAuthClient>): Promise<Side> {
  const { session } = await freshSession();
  return {
    ask: async ({ method = "POST", path, headers = {}, body = null }) => {
      const url = new URL(path, "http://localhost:3000");
      if (url.pathname === "/oauth/authorize") return answerAuthorize(url);
      const request = new Request(url, { method, headers, body });
      const handlers = { "/oauth/token": token, "/oauth/revoke": revoke, "/oauth/userinfo": userinfo }[url.pathname];
      if (!handlers) throw new Error(`no endpoint ${path}`);
      return handlers[method](request, undefined);
    },
    makeCode: async ({ id }, scope, codeChallenge) => {
      const client = clients.get(id);
      if (!client) throw new Error(`no client ${id}`);
      const { request } = freshRequest(client, { scopes: readScopes(scope), codeChallenge });
      const code = await issueAuthorizationCode(request, session, { isAllowed: true });
      if (!code.ok) throw new Error(code.failure.name);
      return code.value;
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const location = response.headers.get("location");
  if (location?.startsWith("http")) {
    const { search, hash } = new URL(location);
    const parameters = new URLSearchParams(search || hash.slice(1));
    return `${response.status} ${parameters.get("error") ?? "none"}`;
  }
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  if (!isJson) return `${response.status} ${response.status < 400 ? "none" : "page"}`;
  return `${response.status} ${(JSON.parse(text) as { error?: string }).error ?? "none"}`;
}

const form = (fields: Record<string, string | null>) =>
  new URLSearchParams(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null));
const basicOf = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
});

/** The requests of one provider: `web` has a secret, `other` as well, `page` has none. */
class Requests {
  readonly side: Side;
  readonly clients: Record<"web" | "other" | "page", OracleClient>;

  constructor(side: Side, clients: Record<"web" | "other" | "page", OracleClient>) {
    this.side = side;
    this.clients = clients;
  }

  authorize(changed: Record<string, string | string[] | null> = {}): Promise<Response> {
    const { web } = this.clients;
    const codeChallenge = createHash("sha256").update("v").digest("base64url");
    const good = {
      ...{
        client_id: web.id,
        redirect_uri: web.redirectUri,
        response_type: "code",
        scope: "openid phone",
        state: "st",
      },
      ...{ code_challenge: codeChallenge, code_challenge_method: "S256" },
    };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...good, ...changed }))
      for (const one of value === null ? [] : [value].flat()) query.append(name, one);
    return this.side.ask({ method: "GET", path: `/oauth/authorize?${query}` });
  }

  post(path: string, fields: Record<string, string | null> | string, headers: Record<string, string> = {}) {
    return this.side.ask({ path, headers, body: typeof fields === "string" ? fields : form(fields) });
  }

  /** Credentials of `web` in the form. */
  get credentials() {
    const { id, secret } = this.clients.web;
    return { client_id: id, client_secret: secret };
  }

  get basic() {
    const { id, secret } = this.clients.web;
    return basicOf(id, secret ?? "");
  }

  /** A request that exchanges a code of this application, with all that belongs to it. */
  async exchange({ of = "web", scope = "openid phone offline_access" }: { of?: "web" | "page"; scope?: string } = {}) {
    const client = this.clients[of];
    const verifier = drawToken();
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    return {
      grant_type: "authorization_code",
      code: await this.side.makeCode(client, scope, challenge),
      redirect_uri: client.redirectUri,
      code_verifier: verifier,
      client_id: client.id,
      client_secret: client.secret,
    };
  }

  /** The tokens of a login at this application. */
  async login(of: "web" | "page" = "web"): Promise<{ access_token: string; refresh_token: string; id_token: string }> {
    const answer = await this.post("/oauth/token", await this.exchange({ of }));
    expect(answer.status).toBe(200);
    return await answer.json();
  }

  async refresh(changed: Record<string, string | null> = {}) {
    const { refresh_token } = await this.login();
    return this.post("/oauth/token", { grant_type: "refresh_token", refresh_token, ...this.credentials, ...changed });
  }

  userinfo(headers: Record<string, string>, asked: Partial<Asked> = {}) {
    return this.side.ask({ method: "GET", path: "/oauth/userinfo", headers, ...asked });
  }
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };

const CASES: Record<string, (requests: Requests) => Promise<Response>> = {
  // /oauth/authorize
  "authorize: a good request": (r) => r.authorize(),
  "authorize: without state": (r) => r.authorize({ state: null }),
  "authorize: no client": (r) => r.authorize({ client_id: null }),
  "authorize: an unknown client": (r) => r.authorize({ client_id: "unknown" }),
  "authorize: two clients": (r) => r.authorize({ client_id: [r.clients.web.id, r.clients.other.id] }),
  "authorize: no redirect URI": (r) => r.authorize({ redirect_uri: null }),
  "authorize: another redirect URI": (r) => r.authorize({ redirect_uri: "https://elsewhere.example/callback" }),
  "authorize: a redirect URI with a slash more": (r) => r.authorize({ redirect_uri: `${r.clients.web.redirectUri}/` }),
  "authorize: a redirect URI with a query more": (r) =>
    r.authorize({ redirect_uri: `${r.clients.web.redirectUri}?a=b` }),
  "authorize: a redirect URI twice": (r) =>
    r.authorize({ redirect_uri: [r.clients.web.redirectUri, r.clients.web.redirectUri] }),
  "authorize: no response type": (r) => r.authorize({ response_type: null }),
  "authorize: an unknown response type": (r) => r.authorize({ response_type: "cod" }),
  "authorize: response type none": (r) => r.authorize({ response_type: "none" }),
  "authorize: an implicit flow": (r) => r.authorize({ response_type: "token" }),
  "authorize: a hybrid flow": (r) => r.authorize({ response_type: "code id_token", nonce: "n" }),
  "authorize: response mode query": (r) => r.authorize({ response_mode: "query" }),
  "authorize: response mode fragment": (r) => r.authorize({ response_mode: "fragment" }),
  "authorize: an unknown response mode": (r) => r.authorize({ response_mode: "pigeon" }),
  "authorize: no challenge": (r) => r.authorize({ code_challenge: null, code_challenge_method: null }),
  "authorize: a challenge without its method": (r) => r.authorize({ code_challenge_method: null }),
  "authorize: the method plain": (r) => r.authorize({ code_challenge_method: "plain" }),
  "authorize: a method without its challenge": (r) => r.authorize({ code_challenge: null }),
  "authorize: a challenge that is too short": (r) => r.authorize({ code_challenge: "short" }),
  "authorize: no scope": (r) => r.authorize({ scope: null }),
  "authorize: no openid": (r) => r.authorize({ scope: "phone" }),
  "authorize: an unknown scope": (r) => r.authorize({ scope: "openid nothing" }),
  "authorize: a scope that the client may not have": (r) => r.authorize({ scope: "openid email" }),
  "authorize: scopes twice": (r) => r.authorize({ scope: ["openid", "phone"] }),
  "authorize: an unknown prompt": (r) => r.authorize({ prompt: "dance" }),
  "authorize: prompt none with another one": (r) => r.authorize({ prompt: "none login" }),
  "authorize: a negative age": (r) => r.authorize({ max_age: "-1" }),
  "authorize: an age that is no number": (r) => r.authorize({ max_age: "young" }),
  "authorize: a request object": (r) => r.authorize({ request: "e30.e30." }),
  "authorize: a request object elsewhere": (r) => r.authorize({ request_uri: "https://app.example/request" }),
  "authorize: a registration": (r) => r.authorize({ registration: "{}" }),
  "authorize: an unknown parameter": (r) => r.authorize({ colour: "red" }),

  // /oauth/token, codes
  "token: a code, client_secret_post": async (r) => r.post("/oauth/token", await r.exchange()),
  "token: a code, client_secret_basic": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_id: null, client_secret: null }, r.basic),
  "token: a code, client_secret_basic and client_id": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_secret: null }, r.basic),
  "token: a code of a public client": async (r) => r.post("/oauth/token", await r.exchange({ of: "page" })),
  "token: no body": (r) => r.side.ask({ path: "/oauth/token" }),
  "token: JSON": (r) =>
    r.post("/oauth/token", JSON.stringify({ grant_type: "authorization_code" }), {
      "content-type": "application/json",
    }),
  "token: no client": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_id: null, client_secret: null }),
  "token: an unknown client": async (r) => r.post("/oauth/token", { ...(await r.exchange()), client_id: "unknown" }),
  "token: a wrong secret": async (r) => r.post("/oauth/token", { ...(await r.exchange()), client_secret: "wrong" }),
  "token: a wrong secret in Basic": async (r) =>
    r.post(
      "/oauth/token",
      { ...(await r.exchange()), client_id: null, client_secret: null },
      basicOf(r.clients.web.id, "wrong"),
    ),
  "token: no secret": async (r) => r.post("/oauth/token", { ...(await r.exchange()), client_secret: null }),
  "token: a secret of a public client": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange({ of: "page" })), client_secret: "any" }),
  "token: two methods of authentication": async (r) => r.post("/oauth/token", await r.exchange(), r.basic),
  "token: two clients": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_id: r.clients.other.id, client_secret: null }, r.basic),
  "token: another scheme": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_secret: null }, { authorization: "Bearer x" }),
  "token: Basic that is no base64": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_secret: null }, { authorization: "Basic *" }),
  "token: Basic without a colon": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_secret: null }, { authorization: "Basic YWJj" }),
  "token: Basic with broken percent-encoding": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), client_secret: null }, basicOf("%zz", "%zz")),
  "token: no grant type": async (r) => r.post("/oauth/token", { ...(await r.exchange()), grant_type: null }),
  "token: the password grant": (r) =>
    r.post("/oauth/token", { ...r.credentials, grant_type: "password", username: "u", password: "p" }),
  "token: grant type implicit": (r) => r.post("/oauth/token", { ...r.credentials, grant_type: "implicit" }),
  "token: a parameter twice": async (r) => r.post("/oauth/token", `${form(await r.exchange())}&code=again`, FORM),
  "token: no code": async (r) => r.post("/oauth/token", { ...(await r.exchange()), code: null }),
  "token: an empty code": async (r) => r.post("/oauth/token", { ...(await r.exchange()), code: "" }),
  "token: an unknown code": async (r) => r.post("/oauth/token", { ...(await r.exchange()), code: drawToken() }),
  "token: no redirect URI": async (r) => r.post("/oauth/token", { ...(await r.exchange()), redirect_uri: null }),
  "token: another redirect URI": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), redirect_uri: "https://app.example/other" }),
  "token: no verifier": async (r) => r.post("/oauth/token", { ...(await r.exchange()), code_verifier: null }),
  "token: another verifier": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), code_verifier: drawToken() }),
  "token: a verifier that is too short": async (r) =>
    r.post("/oauth/token", { ...(await r.exchange()), code_verifier: "v" }),
  "token: another client's code": async (r) => {
    const { id, secret } = r.clients.other;
    return r.post("/oauth/token", { ...(await r.exchange()), client_id: id, client_secret: secret });
  },
  "token: a code twice": async (r) => {
    const exchange = await r.exchange();
    await r.post("/oauth/token", exchange);
    return r.post("/oauth/token", exchange);
  },
  "token: GET": (r) => r.side.ask({ method: "GET", path: "/oauth/token" }),

  // /oauth/token, refresh tokens
  "refresh: a good request": (r) => r.refresh(),
  "refresh: no token": (r) => r.refresh({ refresh_token: null }),
  "refresh: an unknown token": (r) => r.refresh({ refresh_token: drawToken() }),
  "refresh: an access token": async (r) => r.refresh({ refresh_token: (await r.login()).access_token }),
  "refresh: fewer scopes": (r) => r.refresh({ scope: "openid phone" }),
  "refresh: more scopes": (r) => r.refresh({ scope: "openid email" }),
  "refresh: scopes without openid": (r) => r.refresh({ scope: "phone" }),
  "refresh: another client": (r) => r.refresh({ client_id: r.clients.other.id, client_secret: r.clients.other.secret }),
  "refresh: a public client": async (r) => {
    const { refresh_token } = await r.login("page");
    return r.post("/oauth/token", { grant_type: "refresh_token", refresh_token, client_id: r.clients.page.id });
  },
  "refresh: a token whose successor was exchanged": async (r) => {
    const { refresh_token } = await r.login();
    const refresh = (value: string) =>
      r.post("/oauth/token", { grant_type: "refresh_token", refresh_token: value, ...r.credentials });
    const next = (await (await refresh(refresh_token)).json()) as { refresh_token: string };
    await refresh(next.refresh_token);
    return refresh(refresh_token);
  },
  "refresh: a token twice": async (r) => {
    const { refresh_token } = await r.login();
    const refresh = () => r.post("/oauth/token", { grant_type: "refresh_token", refresh_token, ...r.credentials });
    await refresh();
    return refresh();
  },

  // /oauth/userinfo
  "userinfo: a good request": async (r) => r.userinfo({ authorization: `Bearer ${(await r.login()).access_token}` }),
  "userinfo: in lower case": async (r) => r.userinfo({ authorization: `bearer ${(await r.login()).access_token}` }),
  "userinfo: POST": async (r) =>
    r.userinfo({ authorization: `Bearer ${(await r.login()).access_token}` }, { method: "POST" }),
  "userinfo: POST of a form": async (r) => r.post("/oauth/userinfo", { access_token: (await r.login()).access_token }),
  "userinfo: no token": (r) => r.userinfo({}),
  "userinfo: an unknown token": (r) => r.userinfo({ authorization: "Bearer unknown" }),
  "userinfo: an ID token": async (r) => r.userinfo({ authorization: `Bearer ${(await r.login()).id_token}` }),
  "userinfo: a refresh token": async (r) => r.userinfo({ authorization: `Bearer ${(await r.login()).refresh_token}` }),
  "userinfo: a token in the address": async (r) =>
    r.userinfo({}, { path: `/oauth/userinfo?access_token=${(await r.login()).access_token}` }),
  "userinfo: a token in two places": async (r) => {
    const { access_token } = await r.login();
    return r.post("/oauth/userinfo", { access_token }, { authorization: `Bearer ${access_token}` });
  },
  "userinfo: another scheme": async (r) => r.userinfo({ authorization: `Basic ${(await r.login()).access_token}` }),
  "userinfo: JSON": async (r) =>
    r.post("/oauth/userinfo", JSON.stringify(await r.login()), { "content-type": "application/json" }),
  "userinfo: after a revocation": async (r) => {
    const { access_token, refresh_token } = await r.login();
    await r.post("/oauth/revoke", { ...r.credentials, token: refresh_token });
    return r.userinfo({ authorization: `Bearer ${access_token}` });
  },

  // /oauth/revoke
  "revoke: a refresh token": async (r) =>
    r.post("/oauth/revoke", { ...r.credentials, token: (await r.login()).refresh_token }),
  "revoke: an access token": async (r) =>
    r.post("/oauth/revoke", { ...r.credentials, token: (await r.login()).access_token }),
  "revoke: an unknown token": (r) => r.post("/oauth/revoke", { ...r.credentials, token: drawToken() }),
  "revoke: with a wrong hint": async (r) =>
    r.post("/oauth/revoke", {
      ...r.credentials,
      token: (await r.login()).refresh_token,
      token_type_hint: "access_token",
    }),
  "revoke: with an unknown hint": async (r) =>
    r.post("/oauth/revoke", { ...r.credentials, token: (await r.login()).refresh_token, token_type_hint: "pigeon" }),
  "revoke: no token": (r) => r.post("/oauth/revoke", { ...r.credentials }),
  "revoke: a token twice": (r) => r.post("/oauth/revoke", `${form({ ...r.credentials, token: "a" })}&token=b`, FORM),
  "revoke: no client": async (r) => r.post("/oauth/revoke", { token: (await r.login()).refresh_token }),
  "revoke: a wrong secret": async (r) =>
    r.post("/oauth/revoke", { ...r.credentials, client_secret: "wrong", token: (await r.login()).refresh_token }),
  "revoke: another client's token": async (r) => {
    const { id, secret } = r.clients.other;
    return r.post("/oauth/revoke", { client_id: id, client_secret: secret, token: (await r.login()).refresh_token });
  },
  "revoke: a public client, another client's token": async (r) =>
    r.post("/oauth/revoke", { client_id: r.clients.page.id, token: (await r.login()).refresh_token }),
  "revoke: JSON": (r) =>
    r.post("/oauth/revoke", JSON.stringify({ token: "a" }), { "content-type": "application/json" }),
};

/** The requests that are answered in another way here, with both answers and the reason. */
const DIFFERENCES: Record<string, { ours: Answer; oracle: Answer; because: string }> = {
  "authorize: no scope": {
    ours: "303 invalid_scope",
    oracle: "303 none",
    because: "here each login is one by OpenID Connect, and so has the scope openid (Core §3.1.2.1)",
  },
  "authorize: no openid": {
    ours: "303 invalid_scope",
    oracle: "303 none",
    because: "here each login is one by OpenID Connect, and so has the scope openid (Core §3.1.2.1)",
  },
  "authorize: response type none": {
    ours: "303 unsupported_response_type",
    oracle: "303 invalid_request",
    because: "RFC 6749 §4.1.2.1 has this error for a response type that the server doesn't support",
  },
  "authorize: a hybrid flow": {
    ours: "303 unsupported_response_type",
    oracle: "303 invalid_request",
    because: "RFC 6749 §4.1.2.1 has this error for a response type that the server doesn't support",
  },
  "authorize: response mode fragment": {
    ours: "303 unsupported_response_mode",
    oracle: "303 none",
    because: "answers are in the query alone, where no script of a page gets at the code",
  },
  "token: GET": {
    ours: "405 invalid_request",
    oracle: "404 page",
    because: "the address exists, and RFC 9110 §15.5.6 has a status for that",
  },
  "refresh: a token twice": {
    ours: "200 none",
    oracle: "400 invalid_grant",
    because: "an application whose answer was lost gets the same tokens again, until it uses them",
  },
  "refresh: scopes without openid": {
    ours: "400 invalid_scope",
    oracle: "200 none",
    because: "here each login is one by OpenID Connect, and so has the scope openid (Core §3.1.2.1)",
  },
  "userinfo: another scheme": {
    ours: "401 invalid_token",
    oracle: "400 invalid_request",
    because: "a scheme other than Bearer may belong to a proxy in front of this server, and counts as no token",
  },
};

test("good and malformed requests are answered as a certified provider answers them", async () => {
  const redirectUri = "https://app.example/callback";
  const ours = new Map<string, OAuthClient>();
  const make = async (isPublic: boolean): Promise<OracleClient> => {
    const { client, secret } = await freshClient({
      isPublic,
      redirectUris: [redirectUri],
      scopes: ["openid", "phone", "offline_access"],
    });
    ours.set(client.id, client);
    return { id: client.id, secret, redirectUri };
  };
  const clients = { web: await make(false), other: await make(false), page: await make(true) };
  const oracle = await startOracle(Object.values(clients));
  const theirSide: Side = {
    ask: ({ method = "POST", path, headers = {}, body = null }) =>
      fetch(oracle.url + path, {
        method,
        body,
        redirect: "manual",
        headers: { accept: path.includes("authorize") ? "text/html" : "application/json", ...headers },
      }),
    makeCode: (client, scope, codeChallenge) => oracle.makeCode({ client, scope, codeChallenge }),
  };
  try {
    const [here, there] = [new Requests(await ourSide(ours), clients), new Requests(theirSide, clients)];
    const found: Record<string, { ours: Answer; oracle: Answer }> = {};
    for (const [title, send] of Object.entries(CASES)) {
      const answers = { ours: await answerOf(await send(here)), oracle: await answerOf(await send(there)) };
      if (answers.ours !== answers.oracle) found[title] = answers;
    }
    expect(Object.keys(CASES).length).toBeGreaterThanOrEqual(60);
    const known = Object.entries(DIFFERENCES).map(([title, { because: _, ...answers }]) => [title, answers]);
    expect(found).toEqual(Object.fromEntries(known));
  } finally {
    await oracle.stop();
  }
});
