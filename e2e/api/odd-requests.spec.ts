import { expect, type Server, test } from "../fixtures";
import { askRaw } from "./raw";

const MULTIPART = { "content-type": "multipart/form-data; boundary=x" };
const TEXT = { "content-type": "text/plain;charset=UTF-8" };
const JSON_TYPE = { "content-type": "application/json" };
/** A multipart body with these fields. */
const pack = (fields: Record<string, string>) =>
  `${Object.entries(fields)
    .map(([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join("")}--x--\r\n`;

/** The names of an action that no build has, and of one of this build with that many arguments, as a page's script sends them. */
const MADE_UP = `40${"a".repeat(40)}`;
async function findAction(server: Server, args: 0 | 1 | 2): Promise<string> {
  const page = await (await fetch(`${server.url}/login`)).text();
  const scripts = [...new Set(page.match(/\/_next\/static\/[^"\\]+\.js/g))];
  const texts = await Promise.all(scripts.map(async (script) => (await fetch(server.url + script)).text()));
  const ids = [page, ...texts].join(" ").match(/\b[0-9a-f]{42}\b/g) ?? [];
  const id = ids.find((each) => each.startsWith({ 0: "00", 1: "40", 2: "60" }[args]));
  if (!id) throw new Error(`No action with ${args} arguments is named by the login page.`);
  return id;
}

/** Returns the log lines about a request, without the one line that each request has. */
async function complaintsOf(server: Server, id: string): Promise<string[]> {
  const lines = () =>
    server
      .output()
      .split("\n")
      .filter((line) => line.includes(`"requestId":"${id}"`));
  const isLogged = () => lines().some((line) => line.includes(`"msg":"request"`));
  await expect.poll(isLogged, { intervals: [10] }).toBe(true);
  return lines().filter((line) => !line.includes('"msg":"request"'));
}

interface Odd {
  what: string;
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  status: number;
  error: string;
}

test("malformed requests are refused with one log line, and never with a 500", async ({ server }) => {
  const [one, two] = [await findAction(server, 1), await findAction(server, 2)];
  const large = "a".repeat(2 * 1024 * 1024);
  const largeForm = pack({ phone: large });
  const chunked = { "transfer-encoding": "chunked" };
  const unknownMethods = ["TRACE", "PROPFIND", "QUERY"].flatMap((method) =>
    [
      ...["/", "/login", "/nowhere", "/ui/phone", "/icon.svg", "/i/ZZZZ99", "/account/export"],
      ...[
        "/api/profile/",
        "/api/v1/login/",
        "/api/auth/csrf",
        "/api/health/live",
        "/api/metrics",
        "/api/delivery/twilio",
      ],
    ].map((path) => ({ what: method, method, path, status: 405, error: "method_not_allowed" })),
  );
  const script = /\/_next\/static\/[^"]+\.js/.exec(await (await fetch(`${server.url}/login`)).text())?.[0] ?? "";
  const files = ["/icon.svg", "/icon%2Esvg", "/robots.txt?a", "/_next/static/nothing.js", script].flatMap((path) =>
    ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => ({
      what: "a file",
      method,
      path,
      status: 405,
      error: "method_not_allowed",
    })),
  );
  const bodies = ["/login", "/profile", "/nowhere", "/i/ZZZZ99", "/account/export", "/api/auth/callback/credentials"];
  const large413 = bodies.flatMap((path) =>
    [
      { headers: MULTIPART, body: largeForm },
      { headers: { ...MULTIPART, ...chunked }, body: largeForm },
      { headers: { ...TEXT, "next-action": one }, body: large },
      { headers: JSON_TYPE, body: large },
    ].map((sent) => ({ what: "2 MB", path, ...sent, status: 413, error: "body_too_large" })),
  );
  const malformed = { status: 400, error: "body_malformed" };
  const unknown = { status: 400, error: "action_unknown" };
  const form = (fields: Record<string, string>) => ({ headers: MULTIPART, body: pack(fields) });
  const call = (action: string, body: string, type = TEXT) => ({ headers: { ...type, "next-action": action }, body });
  const odd: Odd[] = [
    ...unknownMethods,
    ...files,
    ...large413,
    ...["0", "", "constructor", "../x", "a".repeat(5000), MADE_UP.toUpperCase()].map((action) => ({
      what: "an action's id that is none",
      path: "/login",
      ...call(action, "[]"),
      ...unknown,
    })),
    {
      what: "an action that isn't here",
      path: "/login",
      ...call(MADE_UP, pack({ 0: '["$K1"]' }), MULTIPART),
      ...unknown,
    },
    { what: "a form for one", path: "/login", ...form({ [`$ACTION_ID_${MADE_UP}`]: "" }), ...unknown },
    ...["[]", '["x"]', '["$K1","$K1"]', "garbage", "{}", ""].map((body) => ({
      what: "an action called with something else than a form",
      path: "/login",
      ...call(one, body),
      ...malformed,
    })),
    ...['["$K1"]', '["$K1", 1]', "garbage"].map((body) => ({
      what: "an action called with too little",
      path: "/login",
      ...call(two, pack({ 0: body }), MULTIPART),
      ...malformed,
    })),
    { what: "a form cut short", path: "/login", headers: MULTIPART, body: "--x\r\nContent-Disp", ...malformed },
    {
      what: "a form without an end",
      path: "/",
      headers: { "content-type": "multipart/form-data" },
      body: "--x",
      ...malformed,
    },
    { what: "a form that lacks a state", path: "/login", ...form({ [`$ACTION_ID_${two}`]: "" }), ...malformed },
    {
      what: "a form whose state can't be read",
      path: "/login",
      ...form({ $ACTION_REF_1: "", "$ACTION_1:0": `{"id":"${two}","bound":"$@1"}`, "$ACTION_1:1": "garbage" }),
      ...malformed,
    },
    { what: "a reference to nothing", path: "/login", ...form({ $ACTION_REF_1: "" }), ...malformed },
    {
      what: "half an object",
      path: "/api/auth/callback/credentials",
      headers: JSON_TYPE,
      body: '{"phone"',
      ...malformed,
    },
  ];
  for (const { what, method = "POST", path, headers = {}, body = "", status, error } of odd) {
    const answer = await askRaw(server, { method, path, headers, body });
    const about = `${what}: ${method} ${path} ${JSON.stringify(headers).slice(0, 100)} ${body.slice(0, 60)}`;
    expect([answer.status, answer.headers["sarafan-error"]], about).toEqual([status, [error]]);
    if (status === 405) expect(answer.headers.allow?.[0], about).toMatch(/GET|POST/);
    const complaints = await complaintsOf(server, answer.headers["x-request-id"]?.[0] ?? "");
    expect(complaints.length, about).toBeLessThanOrEqual(1);
    expect(complaints.join().length, `${about}: ${complaints}`).toBeLessThan(500);
  }
});

/** What Next.js's script sends when it wants those parts of a page only that the browser hasn't got. */
const encode = (tree: unknown) => encodeURIComponent(JSON.stringify(tree));
const nested = (depth: number): unknown => (depth === 0 ? ["", {}] : ["", { children: nested(depth - 1) }]);

test("invalid headers that only Next.js's script sends are dropped", async ({ server }) => {
  const tree = ["", { children: ["login", { children: ["__PAGE__", {}] }] }];
  const headers: Record<string, string | string[]>[] = [
    ...["%zz", encode({ a: 1 }), encode([""]), "", "null", "[".repeat(10_000), encode(nested(200))].map((made) => ({
      "next-router-state-tree": made,
    })),
    { "next-router-state-tree": [encode(tree), encode(tree)] },
    { "next-router-state-tree": "%zz", "next-router-prefetch": "1" },
    ...["2", "3", "x"].map((made) => ({ "next-router-prefetch": made })),
    { "next-router-prefetch": "1", "next-router-segment-prefetch": "/%zz" },
    { "next-url": "%zz" },
    { "next-hmr-refresh": "1" },
    ...[
      "x-nextjs-data",
      "x-matched-path",
      "x-now-route-matches",
      "x-middleware-prefetch",
      "x-middleware-subrequest",
    ].map((name) => ({ [name]: "%zz" })),
    ...["x-invoke-path", "x-invoke-status", "x-prerender-revalidate", "next-resume"].map((name) => ({ [name]: "1" })),
  ];
  const places = [
    ...["/login", "/nowhere", "/i/%25zz"].map((path) => ({ method: "GET", path })),
    { method: "POST", path: "/login" },
  ];
  for (const { method, path } of places) {
    for (const made of headers) {
      const sent = { ...(method === "POST" && TEXT), rsc: "1", ...made };
      const about = `${method} ${path} ${JSON.stringify(made).slice(0, 100)}`;
      let answer = await askRaw(server, { method, path, headers: sent });
      // To the same address, with what its caches are to know of the request.
      const next = answer.headers.location?.[0];
      if (answer.status === 307 && next?.includes("_rsc=")) {
        answer = await askRaw(server, { method, path: next, headers: sent });
      }
      expect(answer.status, about).toBeLessThan(500);
      expect(await complaintsOf(server, answer.headers["x-request-id"]?.[0] ?? ""), about).toEqual([]);
    }
  }
});

test("a request to switch to another protocol is answered without switching", async ({ server }) => {
  const key = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13" };
  for (const headers of [
    { connection: "Upgrade", upgrade: "websocket", ...key },
    // What Java's client sends with its first request.
    {
      connection: "Upgrade, HTTP2-Settings",
      upgrade: "h2c",
      "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    },
  ]) {
    for (const [path, status] of [
      ["/login", 200],
      ["/nowhere", 404],
      ["/api/policy", 200],
      ["/_next/webpack-hmr", 404],
    ] as const) {
      expect((await askRaw(server, { path, headers })).status, `${path} ${headers.upgrade}`).toBe(status);
    }
  }
});

test("Next.js's own error page is not served", async ({ server }) => {
  for (const path of [
    "/_global-error",
    "/_global-error/",
    "//_global-error",
    "/%5fglobal-error",
    "/_global-error.rsc",
  ]) {
    expect((await askRaw(server, { path })).status, path).toBeLessThan(500);
  }
});

test("an absolute address is read by its path, and an asterisk is no address", async ({ server }) => {
  expect((await askRaw(server, { path: "http://evil.example/login" })).status).toBe(200);
  expect((await askRaw(server, { path: "http://evil.example/profile" })).headers.location).toEqual(["/login"]);
  expect((await askRaw(server, { path: "*", method: "OPTIONS" })).status).toBe(404);
});

test("NextAuth's own addresses take fields that are no text, and a cookie that is no address, without an error", async ({
  server,
}) => {
  const deep = `{"phone":${"[".repeat(6000)}${"]".repeat(6000)}}`;
  const bodies = ['{"phone":{"toString":1,"valueOf":1}}', '{"csrfToken":{"toString":1}}', deep];
  for (const action of ["callback/credentials", "signout"]) {
    for (const body of bodies) {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(`${server.url}/api/auth/${action}`, {
        method: "POST",
        headers,
        body,
        redirect: "manual",
      });
      expect(answer.status, `${action} ${body.slice(0, 40)}`).toBeLessThan(500);
    }
  }
  for (const value of ["::", "//evil.example"]) {
    const headers = { Cookie: `authjs.callback-url=${value}` };
    for (const [method, action] of [
      ["GET", "csrf"],
      ["POST", "signout"],
      ["POST", "callback/credentials"],
    ] as const) {
      const body = method === "POST" ? new URLSearchParams({ csrfToken: "abc" }) : null;
      const answer = await fetch(`${server.url}/api/auth/${action}`, { method, headers, body, redirect: "manual" });
      expect(answer.status, `${method} ${action} ${value}`).toBeLessThan(500);
    }
  }
});
