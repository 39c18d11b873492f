import { z } from "zod";
import { readCredentials } from "@/lib/auth/credentials";
import type { Session } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";
import { prefersPage } from "@/lib/http/accept";
import { guardOrigin, preflightHeaders } from "@/lib/http/cross-origin";
import { retryAfter } from "@/lib/http/retry-after";
import { hasUnknownMethod } from "@/lib/http/unknown-method";
import { type Fields, readBody, readQuery } from "./body";
import { FIELD_REQUIRED, type Messages } from "./messages";
import { nameThrown, THROWN_STATUSES } from "./thrown";

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** One public API: its messages, the shape of its errors, and what its clients log in with. */
export interface Api {
  title: string;
  description: string;
  /** Its sentences for what is wrong with any request. */
  messages: Messages;
  /** The body that carries an error sentence; an API may give one failure another shape. */
  error: (sentence: string, failure: EngineFailure) => Json;
  /** What its clients log in with; the other is good as well. */
  credentials: "cookie" | "token";
  /** Whether an unknown parameter of the query changes nothing; else it is refused by its name. */
  ignoresParameters?: true;
}

/** The response of an API to one failure: a status and a body. */
export interface ErrorResponse {
  status: number;
  body: Json;
}

type Headers = Record<string, string>;

/** What an endpoint's verb answers: a body, or one of its failures. */
export type Outcome<Body> =
  | { ok: true; body: Body; headers?: Headers; isLater?: false }
  | { ok: true; body: Json; isLater: true }
  | { ok: false; failure: { name: string; retryAfterMs?: number } };

/** A body, with further headers. */
export function reply<const Body>(body: Body, headers: Headers = {}) {
  return { ok: true as const, body, headers };
}

/** Says that what was asked for is done later (RFC 9110 §15.3.3). */
export function replyLater(body: Json) {
  return { ok: true as const, body, isLater: true as const };
}

type FailureNames<Result> = Result extends { ok: false; failure: { name: infer Name extends string } } ? Name : never;
/** A response for each failure of the endpoint, and for no other name. */
type FailureTable<Name extends string> = [Name] extends [never]
  ? Record<string, never>
  : { [Key in Name]: ErrorResponse };
/** Refuses a failure whose name is a plain `string`: no table could hold a response for each of its names. */
type Literal<Name extends string> = string extends Name ? "a failure needs a literal name" : unknown;
type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { [Key in Name]: string } & ParamsOf<Rest>
  : unknown;

interface Call<Path extends string, Input extends z.ZodRawShape, Query extends z.ZodRawShape, Who> {
  request: Request;
  /** What stands in the address in the places of `{…}`; nothing in a body can stand in for it. */
  params: ParamsOf<Path>;
  input: z.output<z.ZodObject<Input>>;
  query: z.output<z.ZodObject<Query>>;
  /** Whoever asks, where an account is needed. */
  session: Who extends "account" ? Session : null;
}

/** One verb of one address, with what the engine and the reference need to know of it. */
interface EndpointSpec<
  Path extends string,
  Who extends "anybody" | "account",
  Input extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Body extends z.ZodType,
  Result extends Outcome<z.input<Body>>,
> {
  summary: string;
  who: Who;
  /** Whether the answer sets or needs a cookie of a login under way; so no page of `CORS_ORIGINS` may use the address. */
  cookies?: boolean;
  /** Headers that a client may send. */
  headers?: readonly (keyof typeof REQUEST_HEADERS)[];
  input?: Input;
  query?: Query;
  answer: {
    status?: 200 | 201;
    body: Body;
    /** The body of a 202, where what is asked for may be done later. */
    later?: z.ZodType<Json>;
    headers?: readonly (keyof typeof ANSWER_HEADERS)[];
  };
  /** Where the form of a browser is led, which wants a page and no JSON. */
  page?: Page;
  run: (call: Call<Path, Input, Query, Who>) => Promise<Result & Literal<FailureNames<Result>>>;
  /** What each failure of `run` is said with; the compiler wants them all. */
  failures: FailureTable<FailureNames<Result>>;
  /** What any wrong field is said with, where the API's document has one sentence for it. */
  invalid?: ErrorResponse;
}

/** An endpoint as the engine serves it and the reference describes it, whatever its types were. */
export interface Endpoint {
  summary: string;
  who: "anybody" | "account";
  usesCookies: boolean;
  headers: readonly (keyof typeof REQUEST_HEADERS)[];
  input: z.ZodObject | null;
  query: z.ZodObject;
  answer: {
    status: number;
    body: z.ZodType | null;
    later: z.ZodType<Json> | null;
    headers: readonly (keyof typeof ANSWER_HEADERS)[];
  };
  page: Page | null;
  run: (call: Call<string, z.ZodRawShape, z.ZodRawShape, "account">) => Promise<Outcome<unknown>>;
  failures: Record<string, ErrorResponse>;
  invalid: ErrorResponse | null;
}

/** The pages of ours that stand for an answer; which one for a failure, its name says. */
export interface Page {
  done: string;
  failed: (failure: string) => string;
}

/** Headers that some requests may carry, and what they say. */
export const REQUEST_HEADERS = {
  "Sarafan-Device":
    "What the last sign-in of this application answered in the header of this name. With it the application is recognised by the phones that it has signed in by: their codes are sent to it whatever strangers have had sent, and it is a known device.",
} as const;

/** Headers that some answers carry, and what they say. */
export const ANSWER_HEADERS = {
  "Sarafan-Device":
    "Names this application, for the header of the same name in later requests. Keep it as you keep the refresh token.",
  "Sarafan-Code-Length": "How many digits the code has that was sent.",
  Link: 'The next page of the list, `<…>; rel="next"` (RFC 8288), where there is one.',
} as const;

const VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type Verb = (typeof VERBS)[number];

type Handler = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

/** Everything that is served at one address: what its route exports, and what the reference reads. */
export type Address = Record<Verb | "OPTIONS", Handler> & {
  api: Api;
  path: string;
  endpoints: Partial<Record<Verb, Endpoint>>;
};

/**
 * An address of an API, `{…}` in its path where something stands that differs, and its verbs. The other verbs answer
 * 405 with `Allow`.
 */
export function address<const Path extends string>(
  api: Api,
  path: Path,
  build: (endpoint: EndpointMaker<Path>) => Partial<Record<Verb, Endpoint>>,
): Address {
  // What differs is only what the compiler knows of a spec.
  const endpoints = build(makeEndpoint as EndpointMaker<Path>);
  const verbs = VERBS.filter((verb) => endpoints[verb]);
  const Allow = [...verbs.flatMap((verb) => (verb === "GET" ? [verb, "HEAD"] : [verb])), "OPTIONS"].join(", ");
  const refuseVerb = () => refuse(api, "method_not_allowed", { Allow });
  const isShared = verbs.every((verb) => endpoints[verb]?.usesCookies === false);
  const showAllowed: Handler = async ({ headers }) =>
    hasUnknownMethod(headers)
      ? refuseVerb()
      : new Response(null, { status: 204, headers: { Allow, ...preflightHeaders(headers, isShared ? verbs : []) } });
  const handlerOf = (verb: Verb): Handler => {
    const endpoint = endpoints[verb];
    return (request, { params }) =>
      guardOrigin(request, {
        isShared,
        refuse: () => refuse(api, "origin_foreign"),
        answer: async () => (endpoint ? serve(api, endpoint, request, await params) : refuseVerb()),
      });
  };
  return {
    GET: handlerOf("GET"),
    POST: handlerOf("POST"),
    PUT: handlerOf("PUT"),
    PATCH: handlerOf("PATCH"),
    DELETE: handlerOf("DELETE"),
    OPTIONS: showAllowed,
    api,
    path,
    endpoints,
  };
}

type EndpointMaker<Path extends string> = <
  Who extends "anybody" | "account",
  Body extends z.ZodType,
  Result extends Outcome<z.input<Body>>,
  Input extends z.ZodRawShape = Record<never, never>,
  Query extends z.ZodRawShape = Record<never, never>,
>(
  spec: EndpointSpec<Path, Who, Input, Query, Body, Result>,
) => Endpoint;

type AnySpec = EndpointSpec<string, "account", z.ZodRawShape, z.ZodRawShape, z.ZodType, Outcome<unknown>>;

function makeEndpoint({ input, query, cookies, headers, answer, page, failures, invalid, ...spec }: AnySpec): Endpoint {
  const body = answer.body instanceof z.ZodVoid ? null : answer.body;
  return {
    ...spec,
    usesCookies: cookies ?? false,
    headers: headers ?? [],
    input: input ? z.object(input) : null,
    query: z.object(query ?? {}),
    answer: {
      status: body ? (answer.status ?? 200) : 204,
      body,
      later: answer.later ?? null,
      headers: answer.headers ?? [],
    },
    page: page ?? null,
    failures,
    invalid: invalid ?? null,
  };
}

/** An endpoint that has a page of ours: it leads there. */
export function leadTo(page: string, summary: string): Endpoint {
  return {
    summary,
    who: "anybody",
    usesCookies: false,
    headers: [],
    input: null,
    query: z.object({}),
    answer: { status: 303, body: null, later: null, headers: [] },
    page: { done: page, failed: () => page },
    run: async () => ({ ok: true, body: null }),
    failures: {},
    invalid: null,
  };
}

/** An absolute address of ours. */
export function absoluteUrl(path: string): string {
  return `${env.APP_URL}${path}`;
}

/** Who asks, what, and how it is answered. Each failure is answered with the API's own messages. */
async function serve(
  api: Api,
  endpoint: Endpoint,
  request: Request,
  params: Record<string, string>,
): Promise<Response> {
  try {
    const response = await attend(api, endpoint, request, params);
    const isPage =
      endpoint.answer.status === 303 ||
      (prefersPage(request.headers.get("accept")) && !PAGELESS.includes(response.status));
    if (!endpoint.page || !isPage) return response;
    const failure = response.headers.get("Sarafan-Error");
    const Location = failure === null ? endpoint.page.done : endpoint.page.failed(failure);
    return new Response(null, { status: 303, headers: { ...PERSONAL, Location } });
  } catch (error) {
    const { name, headers } = nameThrown(error);
    return refuse(api, name, headers);
  }
}

async function attend(
  api: Api,
  endpoint: Endpoint,
  request: Request,
  params: Record<string, string>,
): Promise<Response> {
  const credentials = endpoint.who === "account" ? await readCredentials(request.headers) : null;
  if (credentials?.session === null) {
    return credentials.problem === "invalid"
      ? refuse(api, "token_invalid", INVALID_TOKEN)
      : refuse(api, "credentials_missing");
  }

  const asked = readQuery(request);
  const unknown = Object.keys(asked).filter((name) => !Object.hasOwn(endpoint.query.shape, name));
  if (unknown.length > 0 && !api.ignoresParameters) return refuseParameters(api, unknown);
  const body = endpoint.input ? await readBody(request) : { ok: true as const, value: {} };
  if (!body.ok) return refuse(api, body.failure.name);
  const query = endpoint.query.safeParse(asked);
  if (!query.success) return refuseFields(api, endpoint, query.error, asked);
  const input = (endpoint.input ?? NO_INPUT).safeParse(body.value);
  if (!input.success) return refuseFields(api, endpoint, input.error, body.value);

  const outcome = await endpoint.run({
    request,
    params,
    input: input.data,
    query: query.data,
    // An endpoint that needs an account has been left by now without one, and the others' types know of none.
    session: (credentials?.session ?? null) as Session,
  });
  if (outcome.ok && outcome.isLater) {
    const { later } = endpoint.answer;
    if (!later) throw new Error("nothing is described that is done later");
    return Response.json(later.parse(outcome.body), { status: 202, headers: PERSONAL });
  }
  if (outcome.ok) {
    const headers = { ...PERSONAL, ...outcome.headers };
    const { status, body: schema } = endpoint.answer;
    // Parsed, so that nothing goes out that is not described.
    return schema
      ? Response.json(schema.parse(outcome.body), { status, headers })
      : new Response(null, { status, headers });
  }
  const { name, retryAfterMs } = outcome.failure;
  const errorResponse = endpoint.failures[name];
  if (!errorResponse) throw new Error(`there is no response for the failure ${name}`);
  return say(name, errorResponse, {
    ...(retryAfterMs !== undefined && retryAfter(retryAfterMs)),
    ...(name === "token_invalid" && INVALID_TOKEN),
  });
}

const NO_INPUT = z.object({});
/** Nothing that is about a person may be kept on the way. */
const PERSONAL = { "Cache-Control": "private, no-store" };
/** RFC 6750 §3.1. */
const INVALID_TOKEN = { "WWW-Authenticate": 'Bearer error="invalid_token"' };

/** Statuses of requests that no form of a page of ours makes. */
const PAGELESS = [403, 413, 415];

/** What can be wrong with a request to any endpoint, and its status. */
export const ENGINE_STATUSES = {
  field_invalid: 400,
  body_malformed: 400,
  token_invalid: 401,
  origin_foreign: 403,
  method_not_allowed: 405,
  body_too_large: 413,
  media_type_unsupported: 415,
  ...THROWN_STATUSES,
} as const;
export type EngineFailure = keyof typeof ENGINE_STATUSES;

function refuse(api: Api, name: Exclude<EngineFailure, "field_invalid">, headers: Headers = {}): Response {
  return say(name, { status: ENGINE_STATUSES[name], body: api.error(api.messages.failures[name], name) }, headers);
}

/** Names every parameter that the endpoint doesn't know: to leave it out might be to answer something else than was asked. */
function refuseParameters({ messages }: Api, names: string[]): Response {
  const body = Object.fromEntries(names.map((name) => [name, [messages.fields.parameter_unknown]]));
  return say("field_invalid", { status: ENGINE_STATUSES.field_invalid, body });
}

/** Names every field that is missing or wrong. */
function refuseFields({ messages }: Api, { input, query, invalid }: Endpoint, error: z.ZodError, given: Fields) {
  if (invalid) return say("field_invalid", invalid);
  const body: Record<string, string[]> = {};
  for (const { path, message } of error.issues) {
    const field = String(path[0]);
    const schema = { ...input?.shape, ...query.shape }[field];
    const isMissing = given[field] === undefined || (given[field] === null && !schema?.safeParse(undefined).success);
    const known: Record<string, string | undefined> = messages.fields;
    body[field] ??= [isMissing ? FIELD_REQUIRED : (known[message] ?? messages.fields.malformed)];
  }
  return say("field_invalid", { status: ENGINE_STATUSES.field_invalid, body });
}

function say(name: string, { status, body }: ErrorResponse, headers: Headers = {}): Response {
  // RFC 9110 §15.5.2 wants it with each 401.
  const challenge = status === 401 ? { "WWW-Authenticate": "Bearer" } : {};
  return Response.json(body, { status, headers: { ...PERSONAL, ...challenge, ...headers, "Sarafan-Error": name } });
}
