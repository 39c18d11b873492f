/** What is read of an OpenAPI document. */
export type OpenApi = {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, unknown>>;
};

interface Operation {
  tags: string[];
  summary: string;
  security: Record<string, unknown>[];
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { example: unknown }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

interface Schema {
  properties?: Record<string, Example>;
  required?: string[];
}

interface Example {
  examples?: unknown[];
  anyOf?: Example[];
}

const SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
const VERBS = ["get", "post", "put", "patch", "delete"];
const JSON_TYPE = "application/json";

/** Keeps the token that an answer brought, so that the next requests are sent with it. */
const KEEP_ACCESS = 'if (pm.response.code === 200) pm.collectionVariables.set("access", pm.response.json().access);';

/**
 * The requests of an OpenAPI document as a Postman collection (format 2.1), a folder for each tag. Where the server is and
 * an access token are its variables; cookies are kept by Postman.
 */
export function collectRequests({ info, tags, paths }: OpenApi, baseUrl: string) {
  const requests = Object.entries(paths).flatMap(([path, item]) =>
    VERBS.filter((verb) => verb in item).map((verb) => ({ path, verb, operation: item[verb] as Operation })),
  );
  return {
    info: { name: info.title, description: info.description, schema: SCHEMA },
    item: tags.map(({ name, description }) => ({
      name,
      description,
      item: requests.filter(({ operation }) => operation.tags.includes(name)).map(describeRequest),
    })),
    variable: [
      { key: "baseUrl", value: baseUrl },
      { key: "access", value: "" },
    ],
  };
}

function describeRequest({ path, verb, operation }: { path: string; verb: string; operation: Operation }) {
  const content = operation.requestBody?.content[JSON_TYPE];
  const needsToken = operation.security[0] && "bearer" in operation.security[0];
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => name);
  const postmanPath = path.replace(/\{(\w+)\}/g, ":$1");
  const parametersIn = (place: string) =>
    operation.parameters
      .filter((parameter) => parameter.in === place)
      .map(({ name }) => ({ key: name, value: "", disabled: true }));
  const bearer = { type: "bearer", bearer: [{ key: "token", value: "{{access}}", type: "string" }] };
  return {
    name: operation.summary,
    request: {
      method: verb.toUpperCase(),
      header: [...(content ? [{ key: "Content-Type", value: JSON_TYPE }] : []), ...parametersIn("header")],
      // Cookies go along by themselves, and would be ignored beside a token.
      auth: needsToken ? bearer : { type: "noauth" },
      url: {
        raw: `{{baseUrl}}${postmanPath}`,
        host: ["{{baseUrl}}"],
        path: postmanPath.split("/").slice(1),
        variable: names.map((key) => ({ key, value: "" })),
        query: parametersIn("query"),
      },
      ...(content && {
        body: { mode: "raw", raw: JSON.stringify(content.example, null, 2), options: { raw: { language: "json" } } },
      }),
    },
    ...(bringsAccess(operation) && {
      event: [{ listen: "test", script: { type: "text/javascript", exec: [KEEP_ACCESS] } }],
    }),
    response: [],
  };
}

/** A body of the fields that are wanted, each with its example. */
export function exampleOf({ properties = {}, required = [] }: Schema): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, findExample(properties[name] ?? {})]));
}

function findExample({ examples, anyOf = [] }: Example): unknown {
  return examples?.[0] ?? anyOf.map(findExample).find((example) => example !== "") ?? "";
}

function bringsAccess({ responses }: Operation): boolean {
  return responses["200"]?.content?.[JSON_TYPE]?.schema.properties?.access !== undefined;
}
