import { z } from "zod";
import { readCredentials } from "@/lib/auth/credentials";
import { currentRequester } from "@/lib/auth/current-requester";
import type { Requester } from "@/lib/core/identity/requester";
import type { Scope } from "@/lib/core/keys/api-keys";
import type { Attempt, StoredAnswer } from "@/lib/core/keys/idempotency";
import type { Session } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";
import { prefersPage } from "@/lib/http/accept";
import { SHARED_WITH_CORS_ORIGINS, type Sharing } from "@/lib/http/cross-origin";
import { retryAfter } from "@/lib/http/retry-after";
import { type Fields, readBody, readQuery } from "./body";
import { HANDLER_STATUSES, type Handler, makeHandlers, type Verb } from "./handlers";
import {
  answerOnce,
  KEY_FAILURES,
  type KeyCall,
  type KeyFailure,
  type KeyRefusal,
  makeKeyCall,
  readIfMatch,
  readKey,
} from "./keys";
import { FIELD_REQUIRED, type Messages } from "./messages";

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** One public API: its messages, the shape of its errors, and the credentials of its clients. */
export interface Api {
  title: string;
  description: string;
  messages: Messages;
  /** Makes the body of an error response from the failure's sentence. The shape may depend on the failure. */
  error: (sentence: string, failure: EngineFailure | KeyFailure) => Json;
  /** Makes the body of the error response to wrong fields from their sentences; without it the fields are the body. */
  fieldErrors?: (fields: Record<string, string[]>) => Json;
  /** The media type of error responses; by default `application/json`. */
  errorType?: string;
  /**
   * The credentials that the API's own clients use. The engine accepts cookie and token on every API for people. An API for keys has
   * endpoints with `who: "key"` alone: it accepts API keys and nothing else, takes JSON bodies alone, and pages of other origins can't use it.
   */
  credentials: "cookie" | "token" | "key";
  /** Whether this API ignores unknown parameters of a query. By default it refuses them. */
  ignoresParameters?: true;
  /** Which pages of other origins may use the API. By default those of `CORS_ORIGINS` use its addresses without cookies. */
  sharing?: Sharing;
}

/** The response of an API to one failure: a status and a body. */
export interface ErrorResponse {
  status: number;
  body: Json;
  /** What the API's document shows in place of a body that has a setting of this server. */
  example?: { value: Json; description: string };
}

type Headers = Record<string, string>;

/** The result of an endpoint's `run`: a body, or one of its failures. */
export type Outcome<Body> =
  | { ok: true; body: Body; headers?: Headers; isLater?: false }
  | { ok: true; body: Json; isLater: true }
  | { ok: false; failure: { name: string; retryAfterMs?: number } };

/** Makes the result of a `run` that succeeded: a body, and headers if the response needs any. */
export function reply<const Body>(body: Body, headers: Headers = {}) {
  return { ok: true as const, body, headers };
}

/** Makes the result of a `run` that succeeded and takes effect later: the response has status 202 (RFC 9110 §15.3.3). */
export function replyLater(body: Json) {
  return { ok: true as const, body, isLater: true as const };
}

type FailureNames<Result> = Result extends { ok: false; failure: { name: infer Name extends string } } ? Name : never;
/** A table with a response for each failure of an endpoint's `run`, and for no other name. */
type FailureTable<Name extends string> = [Name] extends [never]
  ? Record<string, never>
  : { [Key in Name]: ErrorResponse };
/** Makes the compiler refuse a failure whose name has the type `string`, because no table can have every string. */
type Literal<Name extends string> = string extends Name ? "a failure needs a literal name" : unknown;
type PathParams<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { [Key in Name]: string } & PathParams<Rest>
  : unknown;

interface Call<Path extends string, Input extends z.ZodRawShape, Query extends z.ZodRawShape, Who> {
  request: Request;
  /** The values of the path's `{…}` parameters. A field of the same name in the body or query doesn't change them. */
  params: PathParams<Path>;
  input: z.output<z.ZodObject<Input>>;
  query: z.output<z.ZodObject<Query>>;
  /** The requester's session; null for endpoints that need no account. */
  session: Who extends "account" ? Session : null;
  /** The API key of the request, by which deeds are done; null for endpoints of people. */
  key: Who extends "key" ? KeyCall : null;
  /** Reads the requester. A function, because it decrypts a cookie or a token, and most endpoints don't need the requester. */
  requester: () => Promise<Requester>;
}

/** The declaration of one verb of one address. The engine serves it, and the API reference describes it. */
interface EndpointSpec<
  Path extends string,
  Asker extends Who,
  Input extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Body extends z.ZodType,
  Result extends Outcome<z.input<Body>>,
> {
  summary: string;
  who: Asker;
  /** The scope that the API key needs; for endpoints with `who: "key"` alone. */
  scope?: Scope;
  /** Whether an endpoint for keys reads `If-Match`; `required` refuses a request without it, so that no change is overwritten unseen. */
  ifMatch?: "optional" | "required";
  /** Whether the endpoint reads or sets cookies of a login. If it does, pages of `CORS_ORIGINS` can't use its address. */
  cookies?: boolean;
  /** Request headers that a client may send. */
  headers?: readonly (keyof typeof REQUEST_HEADERS)[];
  input?: Input;
  query?: Query;
  answer: {
    /** The status of a success; by default 200, or 204 without a body. */
    status?: 200 | 201 | 303;
    body: Body;
    /** Fields of the body that are shown once: the stored answer to an `Idempotency-Key` has null in their place. */
    secrets?: readonly string[];
    /** The schema of a 202's body, for an endpoint whose effect may come later. */
    later?: z.ZodType<Json>;
    headers?: readonly (keyof typeof ANSWER_HEADERS)[];
  };
  /** The pages that a browser is redirected to instead of getting JSON. */
  page?: RedirectPages;
  run: (call: Call<Path, Input, Query, Asker>) => Promise<Result & Literal<FailureNames<Result>>>;
  /** The response to each failure of `run`. The compiler refuses a table that lacks a failure. The engine words those of keys. */
  failures: FailureTable<Exclude<FailureNames<Result>, Asker extends "key" ? KeyFailure : never>>;
  /** The response to any wrong field, for an API that has one sentence for all of them. */
  invalid?: ErrorResponse;
}

/** The pages that a browser is redirected to: `done` after a success, `failed(name)` after the failure `name`. */
interface RedirectPages {
  done: string;
  failed: (failure: string) => string;
}

/** The request headers of the APIs, each with its description in the API reference. */
export const REQUEST_HEADERS = {
  "Idempotency-Key":
    "Any text that names this request, such as a UUID. A request that is sent again with it has no second effect, and gets the first answer for a day.",
  "If-Match": "The ETag that was read. The request changes nothing if the resource has another one by now.",
  "Sarafan-Device":
    "The value of the header of this name in the response to this application's last sign-in. It makes the application a recognised device for the phones that it has signed in by: their codes are sent to it even if strangers have used up the phone's limits.",
} as const;

/** The response headers of the APIs, each with its description in the API reference. */
export const ANSWER_HEADERS = {
  "Sarafan-Device":
    "Identifies this application. Send it in the header of the same name with later requests, and store it as safely as the refresh token.",
  "Sarafan-Code-Length": "The number of digits of the code that was sent.",
  ETag: "The version of the resource, for If-Match.",
  Location: "The address of the new resource.",
  "Idempotency-Replayed": "`true` in an answer that is sent again. Secrets in it are null.",
  Link: 'The next page of the list, `<…>; rel="next"` (RFC 8288), if there is one.',
} as const;

interface RouteContext {
  params: Promise<Record<string, string>>;
}

/** One address of an API: the handlers that its route exports, and the endpoints that the API reference describes. */
export type Address = ReturnType<typeof makeHandlers<RouteContext>> & {
  api: Api;
  path: string;
  endpoints: Partial<Record<Verb, Endpoint>>;
};

/**
 * Declares an address of an API. `path` has parameters in braces, such as `/api/users/{id}/`. `build` returns its endpoints by
 * verb; all other verbs are answered with 405 and `Allow`.
 */
export function address<const Path extends string>(
  api: Api,
  path: Path,
  build: (endpoint: EndpointMaker<Path>) => Partial<Record<Verb, Endpoint>>,
): Address {
  // `build` gets the same function for each path. Only the type of the function depends on the path.
  const endpoints = build(makeEndpoint as EndpointMaker<Path>);
  const handlers: Partial<Record<Verb, Handler<RouteContext>>> = {};
  for (const [verb, endpoint] of Object.entries(endpoints)) {
    handlers[verb as Verb] = async (request, { params }) => serve(api, endpoint, request, await params);
  }
  const isShareable = api.credentials !== "key" && Object.values(endpoints).every(({ cookies }) => !cookies);
  const made = makeHandlers(handlers, {
    sharing: api.sharing ?? (isShareable ? SHARED_WITH_CORS_ORIGINS : null),
    refuse: (name, headers) => respondWithFailure(refuse(api, name, headers)),
  });
  return { ...made, api, path, endpoints };
}

type EndpointMaker<Path extends string> = <
  Asker extends Who,
  Body extends z.ZodType,
  Result extends Outcome<z.input<Body>>,
  Input extends z.ZodRawShape = Record<never, never>,
  Query extends z.ZodRawShape = Record<never, never>,
>(
  spec: EndpointSpec<Path, Asker, Input, Query, Body, Result> & (Asker extends "key" ? { scope: Scope } : unknown),
) => Endpoint;

type Who = "anybody" | "account" | "key";
type AnySpec = EndpointSpec<string, Who, z.ZodRawShape, z.ZodRawShape, z.ZodType, Outcome<unknown>>;

/** An endpoint as the engine serves it and the API reference describes it, without the types of its declaration. */
export type Endpoint = ReturnType<typeof makeEndpoint>;

function makeEndpoint({ input, query, headers = [], answer, run, ...spec }: AnySpec) {
  const body = answer.body instanceof z.ZodVoid ? null : answer.body;
  return {
    ...spec,
    headers,
    input: input ? (z.object(input) as z.ZodObject) : null,
    query: z.object(query ?? {}) as z.ZodObject,
    answer: { headers: [], status: body ? 200 : 204, ...answer, body },
    run: run as (call: Call<string, z.ZodRawShape, z.ZodRawShape, Who>) => Promise<Outcome<unknown>>,
  };
}

/** Makes an endpoint that redirects to one of our pages with 303. */
export function redirectTo(page: string, summary: string): Endpoint {
  return (makeEndpoint as EndpointMaker<string>)({
    summary,
    who: "anybody",
    answer: { status: 303, body: z.void() },
    page: { done: page, failed: () => page },
    run: async () => reply(undefined),
    failures: {},
  });
}

/** Makes the absolute URL of a path on this server. */
export function absoluteUrl(path: string): string {
  return `${env.APP_URL}${path}`;
}

/** Responds with JSON, or with a redirect for a client that prefers a page. */
async function serve(
  api: Api,
  endpoint: Endpoint,
  request: Request,
  params: Record<string, string>,
): Promise<Response> {
  const answer = await runEndpoint(api, endpoint, request, params);
  const isPage =
    endpoint.answer.status === 303 ||
    (prefersPage(request.headers.get("accept")) && !STATUSES_WITHOUT_PAGE.includes(answer.status));
  if (!endpoint.page || !isPage) return answer instanceof Response ? answer : respondWithFailure(answer);
  const Location = answer instanceof Response ? endpoint.page.done : endpoint.page.failed(answer.name);
  return new Response(null, { status: 303, headers: { ...NO_STORE, Location } });
}

/**
 * Reads credentials, query and body of a request, and runs its endpoint. Returns the JSON response after a success, and
 * otherwise the failure with the API's response.
 */
async function runEndpoint(
  api: Api,
  endpoint: Endpoint,
  request: Request,
  params: Record<string, string>,
): Promise<Response | Refusal> {
  const key = endpoint.scope ? await readKey(request.headers, endpoint.scope) : null;
  if (key?.ok === false) return refuseKey(api, key.failure);
  const credentials = endpoint.who === "account" ? await readCredentials(request.headers) : null;
  if (credentials?.session === null) {
    return credentials.problem === "invalid"
      ? refuse(api, "token_invalid", INVALID_TOKEN_HEADERS)
      : refuse(api, "credentials_missing");
  }

  const asked = readQuery(request);
  const unknown = Object.keys(asked).filter((name) => !Object.hasOwn(endpoint.query.shape, name));
  if (unknown.length > 0 && !api.ignoresParameters) return refuseParameters(api, unknown);
  const isJsonAlone = api.credentials === "key";
  const body = endpoint.input ? await readBody(request, { isJsonAlone }) : { ok: true as const, value: {} };
  if (!body.ok) return refuse(api, body.failure.name);
  // The five APIs ignore unknown fields, as their clients expect.
  const isUnknown = (name: string) => isJsonAlone && endpoint.input && !Object.hasOwn(endpoint.input.shape, name);
  const unknownFields = Object.keys(body.value).filter(isUnknown);
  if (unknownFields.length > 0) return refuseParameters(api, unknownFields);
  const query = endpoint.query.safeParse(asked);
  if (!query.success) return refuseFields(api, endpoint, query.error, asked);
  const input = (endpoint.input ?? NO_INPUT).safeParse(body.value);
  if (!input.success) return refuseFields(api, endpoint, input.error, body.value);

  const call = { request, params, input: input.data, query: query.data, requester: currentRequester };
  if (!key) {
    const outcome = await endpoint.run({ ...call, session: credentials?.session ?? null, key: null });
    return respond(api, endpoint, outcome);
  }
  const ifMatch = endpoint.ifMatch ? readIfMatch(request.headers) : { ok: true as const, value: null };
  if (!ifMatch.ok) return refuseKey(api, ifMatch.failure);
  if (endpoint.ifMatch === "required" && ifMatch.value === null) return refuseKey(api, { name: "if_match_missing" });
  const isPost = request.method === "POST";
  const run = async (attempt: Attempt | null) => {
    const render = (outcome: unknown) => storedAnswerOf(endpoint, outcome as Outcome<unknown>);
    const keyCall = makeKeyCall(key.value, { ifMatch: ifMatch.value, attempt, mustSettle: isPost, render });
    return respond(api, endpoint, await endpoint.run({ ...call, session: null, key: keyCall }));
  };
  if (!isPost) return run(null);
  const { pathname, search } = new URL(request.url);
  // Sorted by name, because a client that makes the body again may write its fields in another order.
  const fields = Object.entries(body.value).sort(([one], [other]) => (one < other ? -1 : 1));
  const content = [request.method, pathname + search, JSON.stringify(fields)].join("\n");
  const answered = await answerOnce(key.value, { headers: request.headers, content }, run);
  if (!answered.ok) return refuseKey(api, answered.failure);
  return "replayed" in answered.value ? respondAgain(answered.value.replayed) : answered.value;
}

/** Makes the response of an outcome, or the refusal after a failure. */
function respond(api: Api, endpoint: Endpoint, outcome: Outcome<unknown>): Response | Refusal {
  if (outcome.ok && outcome.isLater) {
    const { later } = endpoint.answer;
    if (!later) throw new Error("the endpoint replied later without a schema in answer.later");
    return Response.json(later.parse(outcome.body), { status: 202, headers: NO_STORE });
  }
  if (outcome.ok) {
    const headers = { ...NO_STORE, ...outcome.headers };
    const { status, body: schema } = endpoint.answer;
    // Parsing drops fields that the schema doesn't describe.
    return schema
      ? Response.json(schema.parse(outcome.body), { status, headers })
      : new Response(null, { status, headers });
  }
  const { name, retryAfterMs } = outcome.failure;
  const errorResponse = endpoint.failures[name];
  if (!errorResponse) {
    if (endpoint.scope && Object.hasOwn(KEY_FAILURES, name)) return refuseKey(api, { name: name as KeyFailure });
    throw new Error(`there is no response for the failure ${name}`);
  }
  const headers = {
    ...(retryAfterMs !== undefined && retryAfter(retryAfterMs)),
    ...(name === "token_invalid" && INVALID_TOKEN_HEADERS),
  };
  return { ...errorResponse, name, headers, type: api.errorType };
}

/** Makes the answer that is stored for an `Idempotency-Key`, without the endpoint's secrets. */
function storedAnswerOf({ answer }: Endpoint, outcome: Outcome<unknown>): StoredAnswer {
  if (!outcome.ok || outcome.isLater) throw new Error("only the reply of a deed is stored");
  const body = answer.body ? (answer.body.parse(outcome.body) as Record<string, unknown>) : null;
  const hidden = Object.fromEntries((answer.secrets ?? []).map((name) => [name, null]));
  return { status: answer.status, headers: outcome.headers ?? {}, body: body && { ...body, ...hidden } };
}

function respondAgain({ status, headers: stored, body }: StoredAnswer): Response {
  const headers = { ...NO_STORE, ...stored, "Idempotency-Replayed": "true" };
  return body === null ? new Response(null, { status, headers }) : Response.json(body, { status, headers });
}

const NO_INPUT = z.object({});
/** Responses hold personal data, so no cache may store them. */
const NO_STORE = { "Cache-Control": "private, no-store" };
/** The challenge to a client whose token is not valid (RFC 6750 §3.1). */
const INVALID_TOKEN_HEADERS = { "WWW-Authenticate": 'Bearer error="invalid_token"' };

/** Statuses that are always answered in JSON, because our own forms never cause them. */
const STATUSES_WITHOUT_PAGE = [403, 413, 415];

/** The failures that each endpoint can have, with their HTTP status. */
export const ENGINE_STATUSES = {
  field_invalid: 400,
  body_malformed: 400,
  token_invalid: 401,
  body_too_large: 413,
  media_type_unsupported: 415,
  ...HANDLER_STATUSES,
} as const;
export type EngineFailure = keyof typeof ENGINE_STATUSES;

interface Refusal extends ErrorResponse {
  name: string;
  headers?: Headers;
  /** The media type of the body; by default `application/json`. */
  type?: string | undefined;
}

function refuse(api: Api, name: Exclude<EngineFailure, "field_invalid">, headers: Headers = {}): Refusal {
  const body = api.error(api.messages.failures[name], name);
  return { name, status: ENGINE_STATUSES[name], body, headers, type: api.errorType };
}

function refuseKey(api: Api, { name, headers = {}, retryAfterMs, detail }: KeyRefusal): Refusal {
  if (name === "credentials_missing") return refuse(api, name);
  const [status, sentence] = KEY_FAILURES[name];
  const waiting = retryAfterMs === undefined ? {} : retryAfter(retryAfterMs);
  return {
    name,
    status,
    body: api.error(detail ?? sentence, name),
    headers: { ...headers, ...waiting },
    type: api.errorType,
  };
}

/** Refuses unknown parameters by their names: without a filter that the client misspelt, the response would hold too much. */
function refuseParameters(api: Api, names: string[]): Refusal {
  return refuseByField(api, Object.fromEntries(names.map((name) => [name, [api.messages.fields.parameter_unknown]])));
}

function refuseByField({ fieldErrors = (same) => same, errorType: type }: Api, fields: Record<string, string[]>) {
  return { name: "field_invalid", status: ENGINE_STATUSES.field_invalid, body: fieldErrors(fields), type };
}

function refuseFields(api: Api, { input, query, invalid }: Endpoint, error: z.ZodError, given: Fields): Refusal {
  const { messages } = api;
  if (invalid) return { ...invalid, name: "field_invalid" };
  const body: Record<string, string[]> = {};
  for (const { path, message } of error.issues) {
    const field = String(path[0]);
    const schema = { ...input?.shape, ...query.shape }[field];
    const isMissing = given[field] === undefined || (given[field] === null && !schema?.safeParse(undefined).success);
    const known: Record<string, string | undefined> = messages.fields;
    body[field] ??= [isMissing ? FIELD_REQUIRED : (known[message] ?? messages.fields.malformed)];
  }
  return refuseByField(api, body);
}

/** Makes the response to a failure, with the failure's name in the header `Sarafan-Error`. */
export function respondWithFailure({ name, status, body, headers, type = "application/json" }: Refusal): Response {
  // RFC 9110 §15.5.2 requires this header with each 401.
  const challenge = status === 401 ? { "WWW-Authenticate": "Bearer" } : {};
  const all = { "Content-Type": type, ...NO_STORE, ...challenge, ...headers, "Sarafan-Error": name };
  return Response.json(body, { status, headers: all });
}
