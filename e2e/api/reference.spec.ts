import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import fc from "fast-check";
import { decodeJwt } from "jose";
import type { APIRequestContext } from "playwright/test";
import { z } from "zod";
import { test as base, expect, type Server } from "../fixtures";
import { makeKey } from "./backends";

const [OPENAPI, JWKS] = ["/api/openapi.json", "/.well-known/jwks.json"];
const VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

type Schema = { [key: string]: unknown; properties?: Record<string, Schema> };
interface Operation {
  verb: string;
  address: string;
  queries: string[];
  /** What its body may hold, by name. */
  fields: Record<string, Schema>;
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}
type Reference = { openapi: string; paths: Record<string, Record<string, unknown>> };

const test = base.extend<{ reference: Reference; operations: Operation[] }>({
  reference: async ({ request }, use) => use(await (await request.get(OPENAPI)).json()),
  operations: async ({ reference }, use) => use(await readOperations(reference)),
});

async function readOperations(reference: Reference): Promise<Operation[]> {
  const validator = new Validator();
  await validator.validate(structuredClone(reference));
  const { paths } = validator.resolveRefs() as unknown as { paths: Record<string, Record<string, never>> };
  return Object.entries(paths).flatMap(([address, item]) =>
    VERBS.filter((verb) => verb.toLowerCase() in item).map((verb): Operation => {
      const {
        parameters = [],
        requestBody,
        responses,
      } = item[verb.toLowerCase()] as unknown as {
        parameters?: { in: string; name: string }[];
        requestBody?: { content: Record<string, { schema?: Schema }> };
        responses: Operation["responses"];
      };
      const all = [...((item.parameters as unknown as typeof parameters) ?? []), ...parameters];
      const queries = all.filter((parameter) => parameter.in === "query").map(({ name }) => name);
      const bodies = Object.values(requestBody?.content ?? {}).map(({ schema = {} }) => fieldsOf(schema));
      return { verb, address, queries, fields: Object.assign({}, ...bodies), responses };
    }),
  );
}

/** The properties of an object's schema, its alternatives' among them. */
function fieldsOf(schema: Schema): Record<string, Schema> {
  const parts = ["allOf", "anyOf", "oneOf"].flatMap((key) => (schema[key] as Schema[] | undefined) ?? []);
  return Object.assign({}, ...parts.map(fieldsOf), schema.properties);
}

const trim = (address: string) => address.replace(/(?<=.)\/$/, "");
const verbsIn = (allow: string | undefined) =>
  (allow ?? "")
    .split(/, */)
    .filter((verb) => verb && !["HEAD", "OPTIONS"].includes(verb))
    .sort();

/** The addresses that files serve; NextAuth's own, the operator's and all that nothing is at are no part of the APIs. */
/**
 * The addresses of v1 without its name, which the description of v1 tells of, an address of NextAuth, and a file for people who
 * report a vulnerability, whose form RFC 9116 describes.
 */
const UNDESCRIBED = [
  "/api/create_user",
  "/api/auth_user",
  "/api/user_profile/{phone_number}",
  "/api/auth/session",
  "/.well-known/security.txt",
  // The files of the admin console, which looks to strangers as if it did not exist.
  "/api/admin/{list}",
  "/api/admin/imports",
  // Addresses that people are sent to by applications, whose parameters OpenID Connect describes.
  "/oauth/authorize",
  "/oauth/continue/{id}",
  "/oauth/logout",
  "/oauth/logout/end",
];

function listRoutes(): string[] {
  const app = path.join(import.meta.dirname, "../../app");
  return ["api", ".well-known", "oauth"]
    .filter((folder) => existsSync(path.join(app, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(app, folder), { recursive: true, encoding: "utf8" }).map((file) => path.join(folder, file)),
    )
    .filter((file) => path.basename(file) === "route.ts" && !/\[\.\.\.|api.(health|metrics|delivery|cron)/.test(file))
    .map((file) => `/${path.dirname(file).split(path.sep).join("/")}`.replace(/\[(\w+)\]/g, "{$1}"))
    .filter((address) => !UNDESCRIBED.includes(address));
}

test("the reference is valid OpenAPI", async ({ reference }) => {
  expect(reference.openapi).toMatch(/^3\.1\.\d+$/);
  const { valid, errors } = await new Validator().validate(structuredClone(reference));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

test("the reference has an example of each body, which Postman and other tools send as it is", async ({
  reference,
}) => {
  type Body = { requestBody?: { content: Record<string, { schema: Schema; example: Record<string, unknown> }> } };
  const bodies = Object.entries(reference.paths).flatMap(([address, item]) =>
    Object.values(item as Record<string, Body>).flatMap(({ requestBody }) =>
      Object.values(requestBody?.content ?? {}).map((body) => ({ address, ...body })),
    ),
  );
  expect(bodies.length).toBeGreaterThan(30);
  for (const { address, schema, example } of bodies) {
    expect(Object.keys(example), address).toEqual(schema.required ?? []);
    expect(Object.values(example), address).not.toContain("");
    expect(z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(example).success, address).toBe(
      true,
    );
  }
});

test("the reference shows an example contact where an answer has the operator's, and says so", async ({
  reference,
}) => {
  type Example = { value: Record<string, string>; description?: string };
  const bodies = Object.values(reference.paths).flatMap((item) =>
    Object.values(
      item as Record<
        string,
        { responses?: Record<string, { content?: Record<string, { examples?: Record<string, Example> }> }> }
      >,
    ),
  );
  const examples = bodies.flatMap(
    ({ responses }) => responses?.["403"]?.content?.["application/json"]?.examples?.account_blocked ?? [],
  );
  expect(examples.length).toBeGreaterThanOrEqual(5);
  for (const { value, description } of examples) {
    expect(Object.values(value).join()).toContain("support@sarafan.example");
    expect(description).toContain("SUPPORT_CONTACT");
  }
});

test("an address with invalid percent-encoding does not exist", async ({ request }) => {
  for (const address of [
    "/api/users/%FF",
    "/api/users/%",
    "/api/v1/user_profile/%E0%A4%A",
    "/api/auth/%FF",
    "/i/%FF",
  ]) {
    expect((await request.get(address)).status(), address).toBe(404);
  }
});

test("every served address is described, and every described one is served", async ({
  reference,
  operations,
  request,
}) => {
  expect(Object.keys(reference.paths).map(trim).sort()).toEqual(listRoutes().sort());
  for (const address of Object.keys(reference.paths)) {
    if ([OPENAPI, JWKS].includes(trim(address))) continue;
    const described = operations.filter((each) => each.address === address).map(({ verb }) => verb);
    const asked = address.replace(/\{\w+\}/g, "1");
    const { allow } = (await request.fetch(asked, { method: "OPTIONS" })).headers();
    expect(verbsIn(allow), address).toEqual(described.toSorted());
    for (const method of VERBS.filter((verb) => !described.includes(verb))) {
      const answer = await request.fetch(asked, { method });
      expect([answer.status(), verbsIn(answer.headers().allow)], `${method} ${address}`).toEqual([405, verbsIn(allow)]);
    }
  }
});

test("a browser shows the reference without requests to other hosts", async ({ newClient }) => {
  const client = await newClient();
  const page = await client.get("/docs", { headers: { accept: "text/html" } });
  expect([page.status(), page.headers()["content-type"]]).toEqual([200, expect.stringContaining("text/html")]);
  const tags = (await page.text()).match(/<(?:script|link|img|iframe)\b[^>]*>/g) ?? [];
  const sources = tags.flatMap((tag) => /\b(?:src|href)="([^"]+)"/.exec(tag)?.[1] ?? []);
  expect(sources.length).toBeGreaterThan(0);
  for (const source of sources) {
    const url = new URL(source.replaceAll("&amp;", "&"), page.url());
    if (url.protocol === "data:") continue;
    expect(url.origin, source).toBe(new URL(page.url()).origin);
    expect((await client.get(url.href)).status(), source).toBe(200);
  }
});

/** A client: its headers, and values that it knows and can send. */
type Sender = { name: string; headers: Record<string, string>; known: string[] };

async function logIn(client: APIRequestContext, server: Server, phone: string): Promise<Sender> {
  await client.post("/api/auth/request_code/", { data: { phone } });
  const data = { phone, code: await server.codeFor(phone) };
  const { access, refresh, invite_code } = await (await client.post("/api/auth/verify_code/", { data })).json();
  const known = [phone, phone.slice(1), String(decodeJwt(access).sub), invite_code, refresh];
  return { name: phone, headers: { authorization: `Bearer ${access}` }, known };
}

async function register(client: APIRequestContext, phone_number: string): Promise<Sender> {
  const { code } = await (await client.post("/api/verification_phone/send_code", { data: { phone_number } })).json();
  const path = "/api/verification_phone/invite_code";
  const { invite } = await (await client.post(path, { data: { phone_number, code } })).json();
  const { cookies } = await client.storageState();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  return { name: `cookie of ${phone_number}`, headers: { cookie }, known: [phone_number, invite] };
}

const oddText = fc.oneof(
  fc.constantFrom("", " ", "\0", "\ud800", "a\udfff", "1\r\nSet-Cookie: a=b", "' OR 1=1 --", "__proto__", "null"),
  fc.constantFrom("x".repeat(3000), "9".repeat(400), "0000", "-1", "1e3", "NaN", "жжжжжж", "7Z7Z7Z", "a@b.example"),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const oddValue = fc.oneof(
  { weight: 3, arbitrary: oddText },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false, 0, -0, -1, 1.5, 1e21, 2 ** 53, 1234, 79450000000) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }) },
  { weight: 1, arbitrary: fc.array(oddText, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(JSON.parse(`${"[".repeat(900)}${"]".repeat(900)}`), "x".repeat(17_000)) },
);
/** Fixed segments beside a parameter are addresses of their own, and dots are no segments. */
const oddSegment = fc.oneof(
  fc.constantFrom("0", "1", "-1", "1.5", "1e3", "9".repeat(30), "abc", "%", "%00", "\0", "a/b", "😀", "жжжжжж"),
  fc.constantFrom("invite_code", "7Z7Z7Z", "x".repeat(2000), "__proto__", "+7 945", "1;a=b", "?", "#", "\\", " "),
);
const MEDIA = ["json", "json", "json", "json", "form", "multipart", "text", "cut", "none"] as const;

type Media = (typeof MEDIA)[number];
type Sent = { who: Sender; segments: string[]; query: [string, string][]; media: Media; body: unknown };

function arbitraryFor({ address, queries, fields, verb }: Operation, senders: Sender[]): fc.Arbitrary<Sent> {
  const known = fc.constantFrom(...senders.flatMap((sender) => sender.known));
  const valueFor = (schema: Schema) => {
    const examples = [schema.examples, schema.enum].flat().concat(schema.example, schema.const, schema.default);
    const plausible = examples.filter((example) => example !== undefined);
    const usual = plausible.length > 0 ? fc.oneof(known, fc.constantFrom(...plausible)) : known;
    return fc.oneof({ weight: 2, arbitrary: usual as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: oddValue });
  };
  const entries = Object.entries(fields).map(([name, schema]) => [name, valueFor(schema)] as const);
  const object = fc.record(Object.fromEntries(entries), { requiredKeys: [] });
  const parameters = address.match(/\{\w+\}/g) ?? [];
  const segment = fc.oneof({ weight: 3, arbitrary: known }, { weight: 2, arbitrary: oddSegment });
  const names = fc.oneof(
    { weight: 1, arbitrary: fc.constant("page") },
    ...queries.map((name) => ({ weight: 9, arbitrary: fc.constant(name) })),
  );
  const parameter = fc.tuple(names, fc.oneof(oddText, known));
  return fc.record({
    who: fc.constantFrom(...senders),
    segments: fc.tuple(...parameters.map(() => segment)),
    // One that is unknown is refused before anything else is looked at.
    query: fc.oneof(
      { weight: queries.length > 0 ? 9 : 1, arbitrary: fc.array(parameter, { maxLength: 3 }) },
      { weight: 9, arbitrary: fc.constant<[string, string][]>([]) },
    ),
    media: verb === "GET" ? fc.constant("none" as const) : fc.constantFrom(...MEDIA),
    body: fc.oneof({ weight: 6, arbitrary: object }, { weight: 1, arbitrary: oddValue }),
  });
}

/** A body as it goes over the wire, and its type. */
function pack(media: Media, body: unknown): { type?: string; body: BodyInit | null } {
  const json = JSON.stringify(body);
  const fields = Object.entries(body instanceof Object ? body : { value: body }).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]) as [string, string][];
  if (media === "json") return { type: "application/json", body: json };
  if (media === "cut") return { type: "application/json", body: json.slice(0, -1) };
  if (media === "text") return { type: "text/plain", body: json };
  if (media === "form") return { body: new URLSearchParams(fields) };
  if (media === "none") return { body: null };
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return { body: form };
}

/** The checkers that were made of schemas. Making one takes longer than most requests. */
const checkers = new Map<object, z.ZodType>();

function checkerOf(schema: object): z.ZodType {
  const known = checkers.get(schema) ?? z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  checkers.set(schema, known);
  return known;
}

/** Sends a request and returns what is wrong with the answer, if anything. */
async function findFault(operation: Operation, { who, segments, query, media, body: value }: Sent, url: string) {
  const rest = [...segments];
  const address = operation.address.replace(/\{\w+\}/g, () => encodeURIComponent(rest.shift() ?? ""));
  const search = query.length > 0 ? `?${new URLSearchParams(query)}` : "";
  const { type, body } = pack(media, value);
  const headers = { ...who.headers, ...(type ? { "content-type": type } : {}) };
  const init = { method: operation.verb, headers, redirect: "manual" as const, ...(body === null ? {} : { body }) };
  const answer = await fetch(url + address + search, init);
  const text = await answer.text();
  const { status } = answer;
  const problems: string[] = [];
  const described = operation.responses[status];
  if (!described) problems.push("is not described");
  if (status >= 500 && !(status === 503 && described)) problems.push("is a failure of the server");
  const isJson = /^application\/([\w.-]+\+)?json\b/.test(answer.headers.get("content-type") ?? "");
  if (status >= 400 && !/^[a-z_]+$/.test(answer.headers.get("sarafan-error") ?? "")) problems.push("has no name");
  if (status >= 400 && !isJson) problems.push("is no JSON");
  const [mediaType = ""] = (answer.headers.get("content-type") ?? "").split(";");
  const schema = described?.content?.[mediaType]?.schema;
  if (described?.content && !schema) problems.push(`has the media type ${mediaType}`);
  if (isJson && schema) {
    const checked = checkerOf(schema).safeParse(JSON.parse(text));
    if (!checked.success) problems.push(`is unlike its description: ${z.prettifyError(checked.error)}`);
  }
  if (problems.length === 0) return "";
  const sent = `${operation.verb} ${address}${search}\nby ${who.name}, ${media}: ${JSON.stringify(value)?.slice(0, 500)}`;
  return `${sent}\n→ ${status} ${text.slice(0, 500)}\n${problems.join(", ")}`;
}

test("answers to generated requests are as described", async ({ operations, newClient, freshPhone, startServer }) => {
  test.slow();
  const ADMIN_PHONES = freshPhone();
  const server = await startServer({ ADMIN_PHONES });
  const client = () => newClient({ url: server.url });
  const backend = async (): Promise<Sender> => {
    const { id, key } = await makeKey(server);
    return { name: `key ${id}`, headers: { authorization: `Bearer ${key}` }, known: [String(id), freshPhone()] };
  };
  const backends = await Promise.all([backend(), backend()]);
  for (const operation of operations) {
    // New accounts for each operation, because some operations end a session or an account.
    const senders = [
      { name: "nobody", headers: {}, known: [freshPhone()] },
      await register(await client(), freshPhone()),
      await logIn(await client(), server, freshPhone()),
      await logIn(await client(), server, ADMIN_PHONES),
      ...(operation.address.startsWith("/api/manage/") ? backends : []),
    ];
    const property = fc.asyncProperty(arbitraryFor(operation, senders), async (sent) => {
      const fault = await findFault(operation, sent, server.url);
      if (fault) throw new Error(fault);
    });
    const run = await fc.check(property, { numRuns: 40, endOnFailure: true });
    const failure = run.failed ? `${(run.errorInstance as Error).message}\nseed ${run.seed}` : "";
    expect.soft(failure, `${operation.verb} ${operation.address}`).toBe("");
  }
});
