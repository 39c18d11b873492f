import { z } from "zod";
import { SESSION_COOKIE } from "@/lib/auth/nextauth";
import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { AnsweredEvent } from "@/lib/core/events/event-body";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { SCOPE_DESCRIPTIONS } from "@/lib/core/keys/api-keys";
import { env } from "@/lib/env";
import * as bearer from "./bearer";
import {
  type Address,
  ANSWER_HEADERS,
  type Api,
  ENGINE_STATUSES,
  type Endpoint,
  type EngineFailure,
  type ErrorResponse,
  type Json,
  REQUEST_HEADERS,
} from "./engine";
import * as enter from "./enter";
import { describeEvents, describeWebhooks, EVENT_REF } from "./event-reference";
import type { Verb } from "./handlers";
import { KEY_FAILURES, type KeyFailure } from "./keys";
import { Moment } from "./manage";
import * as manageAccounts from "./manage-accounts";
import * as manageActivations from "./manage-activations";
import * as manageClients from "./manage-clients";
import * as manageDeliveries from "./manage-deliveries";
import * as manageEvents from "./manage-events";
import * as manageTestNumbers from "./manage-test-numbers";
import * as manageWebhookDeliveries from "./manage-webhook-deliveries";
import * as manageWebhooks from "./manage-webhooks";
import { FIELD_REQUIRED } from "./messages";
import { InviteCodeOfAnyLength, RefreshToken, SentInviteCode } from "./schemas";
import * as usersApi from "./users";
import * as v1 from "./v1";
import * as verification from "./verification";

type JsonObject = { [name: string]: Json };

/** The addresses of the five APIs and of the management API, in the order in which the OpenAPI document lists the addresses of each API. */
const API_ADDRESSES: readonly Address[] = [
  bearer.authRequestCode,
  bearer.authVerifyCode,
  bearer.refreshToken,
  bearer.logout,
  bearer.profileBack,
  bearer.profileActivateInvite,
  enter.enterPhone,
  enter.enterCode,
  enter.profile,
  usersApi.authenticate,
  usersApi.profile,
  usersApi.activateInviteCode,
  usersApi.users,
  usersApi.user,
  manageAccounts.accounts,
  manageAccounts.account,
  manageAccounts.accountBlock,
  manageAccounts.accountUnblock,
  manageAccounts.accountEndSessions,
  manageActivations.accountReferrals,
  manageActivations.activations,
  manageActivations.activation,
  manageActivations.activationMove,
  manageActivations.activationReverse,
  manageClients.clients,
  manageClients.client,
  manageClients.clientDisabling,
  manageClients.clientEnabling,
  manageClients.clientSecretRenewal,
  manageDeliveries.deliveries,
  manageEvents.events,
  manageTestNumbers.testNumbers,
  manageTestNumbers.testNumber,
  manageWebhooks.webhookEndpoints,
  manageWebhooks.webhookEndpoint,
  manageWebhooks.webhookRotation,
  manageWebhooks.webhookTest,
  manageWebhookDeliveries.webhookDeliveries,
  manageWebhookDeliveries.webhookDelivery,
  manageWebhookDeliveries.webhookDeliveryReplay,
  manageWebhookDeliveries.webhookReplay,
  v1.login,
  v1.createUser,
  v1.authUser,
  v1.userProfile,
  verification.sendCode,
  verification.registration,
  verification.profile,
];

/** Addresses that the engine doesn't serve, with the description of their group and of how their requests are authenticated. */
export interface Supplement {
  tag: { name: string; description: string };
  paths: JsonObject;
  securitySchemes: JsonObject;
}

/**
 * Makes an OpenAPI 3.1 document of the five APIs, the management API and the addresses in `further`, from the declarations that the engine
 * serves, and of the addresses in `supplement`. The APIs are sorted by title.
 */
export function describeApis(further: readonly Address[], supplement: Supplement): JsonObject & { openapi: string } {
  const addresses = [...API_ADDRESSES, ...further].sort((one, other) => one.api.title.localeCompare(other.api.title));
  const apis = [...new Set(addresses.map(({ api }) => api))];
  return {
    openapi: "3.1.1",
    info: {
      title: "Sarafan",
      version: "1",
      description:
        "Phone login and invite codes: five REST APIs over one core, and a management API for backends of the operator. Every address answers with and without a slash at its end. The five take JSON, form-encoded and multipart bodies, and the session cookie and a bearer token are good at all of them; the management API takes JSON and API keys. An error carries its stable name in the header Sarafan-Error.",
    },
    servers: [{ url: env.APP_URL }],
    tags: [...apis.map(({ title, description }) => ({ name: title, description })), supplement.tag, WEBHOOKS_TAG],
    paths: {
      ...Object.fromEntries(addresses.map((address) => [address.path, describeAddress(address)])),
      ...supplement.paths,
    },
    webhooks: describeWebhooks(WEBHOOKS_TAG.name),
    components: {
      schemas: describeEvents(),
      securitySchemes: {
        session: { type: "apiKey", in: "cookie", name: SESSION_COOKIE },
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        key: { type: "http", scheme: "bearer", description: describeScopes() },
        ...supplement.securitySchemes,
      },
    },
  };
}

function describeScopes(): string {
  const scopes = Object.entries(SCOPE_DESCRIPTIONS).map(([scope, words]) => `- \`${scope}\`: ${words}`);
  return ["An API key, which begins with `sk_`. Its scopes:", "", ...scopes].join("\n");
}

const WEBHOOKS_TAG = {
  name: "Webhooks",
  description:
    "What became of accounts and of the service, as events that Sarafan sends to the endpoints of other systems, signed by Standard Webhooks. docs/events.md has the rules.",
};

const PATH_PARAMETERS: Record<string, { description: string; example: string }> = {
  id: { description: "The account's id, a whole number.", example: "1" },
  client_id: { description: "The application's `client_id`.", example: "0123456789abcdef01234567" },
  delivery_id: { description: "The webhook delivery's id, its `webhook-id`.", example: "msg_4fzJ0v3hRk6n8qTzWm1xYg" },
  endpoint_id: { description: "The webhook endpoint's id.", example: "we_4fzJ0v3hRk6n8qTzWm1xYg" },
  number_id: { description: "The test number's id, a whole number.", example: "1" },
  phone_number: { description: "A phone in any usual spelling.", example: "+79450000001" },
  invite_code: {
    description: "An inviter's code, or the word invite_code without an inviter.",
    example: "invite_code",
  },
};

function describeAddress({ api, path, endpoints }: Address): JsonObject {
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => name);
  const operations = Object.entries(endpoints).map(([verb, endpoint]) => [
    verb.toLowerCase(),
    describeEndpoint(api, path, verb as Verb, endpoint),
  ]);
  return {
    ...(names.length > 0 && {
      parameters: names.map((name) => ({
        name,
        in: "path",
        required: true,
        schema: { type: "string" },
        ...PATH_PARAMETERS[name],
      })),
    }),
    ...Object.fromEntries(operations),
  };
}

function describeEndpoint(api: Api, path: string, verb: Verb, endpoint: Endpoint): JsonObject {
  const query = schemaOf(endpoint.query, "input");
  return {
    operationId: [verb.toLowerCase(), ...(path.match(/[a-z0-9]+/g) ?? [])].join("-"),
    tags: [api.title],
    summary: endpoint.summary,
    security: securityOf(api, endpoint),
    parameters: [
      ...Object.entries((query.properties ?? {}) as JsonObject).map(([name, schema]) => ({
        name,
        in: "query",
        ...((query.required as string[] | undefined)?.includes(name) && { required: true }),
        schema,
      })),
      ...headersOf(verb, endpoint).map(({ name, isRequired = false }) => ({
        name,
        in: "header",
        ...(isRequired && { required: true }),
        description: REQUEST_HEADERS[name],
        schema: { type: "string" },
      })),
    ],
    ...(endpoint.input && { requestBody: describeInput(endpoint.input, api) }),
    responses: { ...describeAnswer(verb, endpoint), ...describeFailures(api, verb, endpoint) },
  };
}

/** An API for people accepts a session cookie and a bearer token. First comes the one that the API's own clients use. */
const SECURITY_BY_CREDENTIALS = {
  cookie: [{ session: [] }, { bearer: [] }],
  token: [{ bearer: [] }, { session: [] }],
};

function securityOf({ credentials }: Api, { who, scope }: Endpoint): JsonObject[] {
  // The names of roles that are needed (OpenAPI 3.1 §4.8.30): for a key its scope.
  if (scope) return [{ key: [scope] }];
  return who === "account" && credentials !== "key" ? SECURITY_BY_CREDENTIALS[credentials] : [];
}

/** Returns the request headers of an endpoint, those that the engine reads by itself included. */
function headersOf(verb: Verb, { headers, scope, ifMatch }: Endpoint) {
  type Header = { name: keyof typeof REQUEST_HEADERS; isRequired?: boolean };
  const all: Header[] = headers.map((name) => ({ name }));
  if (scope && verb === "POST") all.push({ name: "Idempotency-Key" });
  if (ifMatch) all.push({ name: "If-Match", isRequired: ifMatch === "required" });
  return all;
}

function describeInput(input: z.ZodObject, { credentials }: Api): JsonObject {
  const schema = schemaOf(input, "input");
  const { properties = {}, required = [] } = schema as ObjectSchema;
  const example = Object.fromEntries(required.map((name) => [name, findExample(properties[name] ?? {})])) as JsonObject;
  const forms = credentials === "key" ? [] : ["application/x-www-form-urlencoded", "multipart/form-data"];
  const mediaTypes = ["application/json", ...forms];
  return {
    required: required.length > 0,
    content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema, example }])),
  };
}

interface ObjectSchema {
  properties?: Record<string, SchemaWithExamples>;
  required?: string[];
}

interface SchemaWithExamples {
  examples?: unknown[];
  anyOf?: SchemaWithExamples[];
}

function findExample({ examples, anyOf = [] }: SchemaWithExamples): unknown {
  return examples?.[0] ?? anyOf.map(findExample).find((example) => example !== "") ?? "";
}

function describeAnswer(verb: Verb, { answer, page, scope }: Endpoint): JsonObject {
  const names = [...answer.headers, ...(scope && verb === "POST" ? (["Idempotency-Replayed"] as const) : [])];
  const headers = Object.fromEntries(
    names.map((name) => [name, { description: ANSWER_HEADERS[name], schema: { type: "string" } }]),
  );
  const location = { Location: { description: "The page.", schema: { type: "string" } } };
  const redirect = { "303": { description: `A page: ${page?.done}`, headers: location } };
  if (answer.status === 303) return redirect;
  return {
    [answer.status]: {
      description: "Done",
      ...(names.length > 0 && { headers }),
      ...(answer.body && { content: { "application/json": { schema: schemaOf(answer.body, "output") } } }),
    },
    ...(answer.later && {
      "202": {
        description: "Done later",
        content: { "application/json": { schema: schemaOf(answer.later, "output") } },
      },
    }),
    ...(page && redirect),
  };
}

/** Describes the error responses by status: the endpoint's own failures, and those that each endpoint can have. */
function describeFailures(api: Api, verb: Verb, endpoint: Endpoint): JsonObject {
  const { failures: sentences } = api.messages;
  const engine: EngineFailure[] = [
    ...(endpoint.input
      ? (["field_invalid", "body_malformed", "body_too_large", "media_type_unsupported"] as const)
      : []),
    ...(api.ignoresParameters || endpoint.answer.status === 303 ? [] : (["field_invalid"] as const)),
    ...(endpoint.scope ? (["credentials_missing"] as const) : []),
    ...(endpoint.who === "account" ? (["credentials_missing", "token_invalid"] as const) : []),
    ...(verb === "GET" ? [] : (["origin_foreign"] as const)),
    "unexpected",
    "database_away",
  ];
  const bodyOf = (name: EngineFailure): Json =>
    name === "field_invalid" ? describeWrongFields(api, endpoint) : api.error(sentences[name], name);
  const errorResponses = [
    ...Object.entries(endpoint.failures).map(([name, errorResponse]) => ({ name, ...errorResponse })),
    ...[...new Set(engine)]
      .filter((name) => !(name in endpoint.failures))
      .map((name) => ({ name, status: ENGINE_STATUSES[name], body: bodyOf(name) })),
  ];
  if (endpoint.scope) {
    for (const name of keyFailuresOf(verb, endpoint)) {
      const [status, sentence] = KEY_FAILURES[name];
      errorResponses.push({ name, status, body: api.error(sentence, name) });
    }
  }
  const statuses = [...new Set(errorResponses.map(({ status }) => status))];
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      describeErrors(
        errorResponses.filter((errorResponse) => errorResponse.status === status),
        api.errorType,
      ),
    ]),
  );
}

function keyFailuresOf(verb: Verb, { ifMatch }: Endpoint): KeyFailure[] {
  return [
    ...(["key_unknown", "key_ended", "key_revoked", "scope_missing", "budget_spent"] as const),
    ...(verb === "POST" ? (["idempotency_key_malformed", "request_running", "idempotency_key_reused"] as const) : []),
    ...(ifMatch ? (["if_match_malformed"] as const) : []),
    ...(ifMatch === "required" ? (["if_match_missing"] as const) : []),
  ];
}

/** Makes a body for `field_invalid`: required fields are missing, or fields are malformed, or a parameter is unknown. */
function describeWrongFields(api: Api, endpoint: Endpoint): Json {
  const { fieldErrors = (same) => same } = api;
  return endpoint.invalid ? endpoint.invalid.body : fieldErrors(wrongFieldsOf(api, endpoint));
}

function wrongFieldsOf({ messages }: Api, { input, query }: Endpoint): Record<string, string[]> {
  const fields = Object.entries({ ...input?.shape, ...query.shape });
  const needed = fields.filter(([, schema]) => !schema.safeParse(undefined).success);
  if (needed.length > 0) return Object.fromEntries(needed.map(([name]) => [name, [FIELD_REQUIRED]]));
  return fields.length > 0
    ? Object.fromEntries(fields.map(([name]) => [name, [messages.fields.malformed]]))
    : { parameter: [messages.fields.parameter_unknown] };
}

function describeErrors(
  errorResponses: (ErrorResponse & { name: string })[],
  mediaType = "application/json",
): JsonObject {
  const names = errorResponses.map(({ name }) => name);
  const { status } = errorResponses[0] ?? {};
  return {
    description: names.join(", "),
    headers: {
      "Sarafan-Error": { description: "What is wrong, by its stable name.", schema: { type: "string", enum: names } },
      ...((status === 429 || status === 503) && {
        "Retry-After": { description: "Seconds until it is worth another try.", schema: { type: "integer" } },
      }),
      ...(status === 401 && { "WWW-Authenticate": { description: "RFC 6750 §3.", schema: { type: "string" } } }),
    },
    content: {
      [mediaType]: {
        schema: describeShapes(errorResponses.map(({ body }) => body)),
        examples: Object.fromEntries(
          errorResponses.map(({ name, body, example }) => [name, example ?? { value: body }]),
        ),
      },
    },
  };
}

/** Derives the schema of error bodies from their examples. */
function describeShapes(bodies: Json[]): JsonObject {
  const shapes = bodies.map(describeShape);
  const different = [...new Map(shapes.map((shape) => [JSON.stringify(shape), shape])).values()];
  return different.length === 1 ? (different[0] as JsonObject) : { anyOf: different };
}

function describeShape(value: Json): JsonObject {
  if (Array.isArray(value)) return { type: "array", items: { type: "string" } };
  if (typeof value === "number") return { type: "integer" };
  if (typeof value !== "object" || value === null) return { type: "string" };
  const properties = Object.entries(value).map(([name, each]) => [name, describeShape(each)]);
  return { type: "object", properties: Object.fromEntries(properties) };
}

/** Examples for the schemas of lib/core and lib/apis that end in a transform: zod can't keep an example in those. */
const EXAMPLES_BY_SCHEMA = new Map<unknown, string>([
  [Phone, "+79450000001"],
  [Email, "anna@example.com"],
  [TypedCode, "1234"],
  [SentInviteCode, "7K4M2P"],
  [InviteCodeOfAnyLength, "7K4M2P"],
  [RefreshToken, "<refresh>"],
  [InviteCode, "7K4M2P"],
  [Moment, "2026-12-31T21:00:00.000Z"],
]);

function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const example = EXAMPLES_BY_SCHEMA.get(zodSchema);
      if (example && io === "input") jsonSchema.examples = [example];
      if (zodSchema === AnsweredEvent) {
        for (const name of Object.keys(jsonSchema)) delete jsonSchema[name as keyof typeof jsonSchema];
        Object.assign(jsonSchema, EVENT_REF);
      }
    },
  });
  return rest as JsonObject;
}
