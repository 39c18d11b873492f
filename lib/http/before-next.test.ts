import http, { type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
// Next.js's own parsers and header names, so that these tests fail if an upgrade of Next.js changes what the hooks rely on.
import {
  NEXT_ACTION_NOT_FOUND_HEADER,
  NEXT_ROUTER_PREFETCH_HEADER,
  NEXT_ROUTER_STATE_TREE_HEADER,
} from "next/dist/client/components/app-router-headers.js";
import { parseHostHeader } from "next/dist/server/app-render/action-handler.js";
import { getScriptNonceFromHeaders } from "next/dist/server/app-render/get-script-nonce-from-header.js";
import { expect, _baseTest as test } from "playwright/test";
import { env } from "@/lib/env";
import { hookIntoServer } from "./before-next";
import { networkOf } from "./client-ip";
import { hasUnknownMethod } from "./unknown-method";

/** A valid state of Next.js's router, encoded as its script sends it. */
const GOOD_TREE = encodeURIComponent(JSON.stringify(["", { children: ["__PAGE__", {}] }]));

let unhook: () => void;
let arrived: IncomingHttpHeaders[] = [];
let methods: (string | undefined)[] = [];

test.beforeEach(() => {
  [arrived, methods] = [[], []];
  unhook = hookIntoServer({
    onArrival: ({ headers }) => void arrived.push({ ...headers }),
    onRequest: ({ method }) => void methods.push(method),
    hstsMaxAgeS: 60,
  });
});
test.afterEach(() => unhook());

/** Sends one request to a server with the hooks. Returns the request as its listener read it, and the response. */
async function exchange(
  options: http.RequestOptions,
  listener: RequestListener = (_, response) => void response.end(),
): Promise<{ read: { method?: string; url?: string; headers: IncomingHttpHeaders }; answer: IncomingMessage }> {
  const read: { method?: string; url?: string; headers: IncomingHttpHeaders } = { headers: {} };
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    Object.assign(read, { method, url, headers });
    listener(request, response);
  });
  // Next.js has such a listener, too. It answers nothing outside development.
  server.on("upgrade", (_request, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return { read, answer: await ask(server, options) };
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function ask(server: Server, options: http.RequestOptions): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port, ...options }, (answer) => {
      answer.resume().once("end", () => resolve(answer));
    });
    request.once("error", reject).end();
  });
}

test("Next.js reads the headers that the hooks have written, in place of those that the client has sent", async () => {
  const forged = {
    "x-sarafan-address": "0123456789abcdef0123456789abcdef 203.0.113.9",
    "x-forwarded-host": "elsewhere.example",
    "x-forwarded-for": "203.0.113.9",
    "content-security-policy": "script-src 'nonce-AAAAAAAAAAAAAAAAAAAAAA=='",
  };
  const { read, answer } = await exchange({ path: "/login", headers: forged });
  expect(arrived).toEqual([expect.objectContaining(forged)]);
  expect(networkOf(new Headers(read.headers as Record<string, string>))).toBe("127.0.0.1");
  expect(parseHostHeader(read.headers)).toEqual({ type: "x-forwarded-host", value: new URL(env.APP_URL).host });
  const nonce = getScriptNonceFromHeaders(read.headers);
  expect(nonce).toMatch(/^[\w+/]{22}==$/);
  expect(nonce).not.toBe("AAAAAAAAAAAAAAAAAAAAAA==");
  expect(answer.headers["content-security-policy"]).toContain(`script-src 'nonce-${nonce}'`);
});

test("headers of Next.js's own script are dropped if Next.js would refuse them, and kept if not", async () => {
  const readWith = async (tree: string, prefetch: string) => {
    const headers = { [NEXT_ROUTER_STATE_TREE_HEADER]: tree, [NEXT_ROUTER_PREFETCH_HEADER]: prefetch };
    const { read } = await exchange({ path: "/login", headers });
    return [read.headers[NEXT_ROUTER_STATE_TREE_HEADER], read.headers[NEXT_ROUTER_PREFETCH_HEADER]];
  };
  expect(await readWith(GOOD_TREE, "1")).toEqual([GOOD_TREE, "1"]);
  expect(await readWith("no tree", "2")).toEqual([undefined, undefined]);
});

test("a method that Next.js doesn't know is OPTIONS for Next.js, and logged as it was sent", async () => {
  const { read } = await exchange({ method: "PROPFIND", path: "/api/profile/" });
  expect(methods).toEqual(["PROPFIND"]);
  expect(read).toMatchObject({ method: "OPTIONS", url: "/api/profile/" });
  expect(hasUnknownMethod(new Headers(read.headers as Record<string, string>))).toBe(true);
  const known = await exchange({ method: "PATCH", path: "/api/profile/" });
  expect(known.read.method).toBe("PATCH");
  expect(hasUnknownMethod(new Headers(known.read.headers as Record<string, string>))).toBe(false);
});

for (const { sent, read } of [
  { sent: "/login?next=%2F", read: "/login?next=%2F" },
  { sent: "http://elsewhere.example/login?a=b", read: "/login?a=b" },
  { sent: "/%E0%A4%A", read: "/not-found" },
  { sent: "/_global-error", read: "/not-found" },
  { sent: "*", read: "/not-found" },
]) {
  test(`Next.js reads the address ${sent} as ${read}`, async () => {
    expect((await exchange({ path: sent })).read.url).toBe(read);
  });
}

test("a request to change to another protocol is answered as an ordinary one", async () => {
  const { read, answer } = await exchange({ path: "/login", headers: { connection: "Upgrade", upgrade: "h2c" } });
  expect(answer.statusCode).toBe(200);
  expect(read.url).toBe("/login");
});

test("an action that isn't in this build is answered with 400, and any other 409 stays 409", async () => {
  const answerOf = async (headers: Record<string, string>) => {
    const { answer } = await exchange({ method: "POST", path: "/login" }, (_, response) => {
      response.statusCode = 409;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.end();
    });
    return [answer.statusCode, answer.headers["sarafan-error"]];
  };
  expect(await answerOf({ [NEXT_ACTION_NOT_FOUND_HEADER]: "1" })).toEqual([400, "action_unknown"]);
  expect(await answerOf({})).toEqual([409, undefined]);
});
