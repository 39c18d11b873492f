import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { anyHttp } from "./any-http";
import { renderPage } from "./page";
import { type Answer, type Provider, readForm } from "./provider";
import { smsc } from "./smsc";
import { smsru } from "./smsru";
import type { GatewayState } from "./state";
import { isProvider, PROVIDERS } from "./switches";
import { telegram } from "./telegram";
import { twilio } from "./twilio";

const HTTP_PROVIDERS = new Map<string, Provider>(
  [twilio, smsru, smsc, telegram, anyHttp].map((provider) => [provider.name, provider]),
);

/** Makes the HTTP server: each provider's API below its name, as in `/twilio`, and the page, messages and switches for people and tests. */
export function makeHttpServer(state: GatewayState): Server {
  return createServer((request, response) => {
    answerRequest(state, request, response).catch((error) => {
      // An invalid request of a test is answered with the error; a client that has disconnected gets no answer.
      if (!response.headersSent) send(response, { status: 400, body: String(error) });
    });
  });
}

async function answerRequest(state: GatewayState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isFromHere(request)) return send(response, { status: 403, body: "Forbidden" });
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const [, first = "", second = ""] = pathname.split("/");
  const isReading = request.method === "GET" || request.method === "HEAD";
  const provider = HTTP_PROVIDERS.get(first);
  if (provider && request.method === "POST") {
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const asked = { path: pathname.slice(first.length + 1), headers, body: await text(request) };
    const said = await state.answer(provider, asked);
    return said ? send(response, said) : undefined;
  }
  if (pathname === "/" && isReading) return sendPage(response, renderPage(state));
  if (pathname === "/messages") {
    if (isReading) return send(response, { status: 200, body: state.inbox.messages(searchParams.get("to")) });
    if (request.method === "DELETE") {
      state.inbox.clear();
      return send(response, { status: 204, body: "" });
    }
  }
  if (pathname === "/reset" && request.method === "POST") {
    state.reset();
    return goHome(response);
  }
  if (pathname === "/switches" && isReading) {
    return send(response, {
      status: 200,
      body: Object.fromEntries(PROVIDERS.map((name) => [name, state.switches(name)])),
    });
  }
  if (first === "switches" && isProvider(second) && (request.method === "POST" || request.method === "PUT")) {
    const body = await text(request);
    const isForm = !body.startsWith("{");
    const switches = state.set(second, isForm ? readForm(body) : JSON.parse(body));
    return isForm ? goHome(response) : send(response, { status: 200, body: switches });
  }
  send(response, { status: 404, body: "Not Found" });
}

/** Whether a request was sent to this machine's own name, and by no page of another site: such a page must not read the codes. */
function isFromHere({ headers: { host = "", origin } }: IncomingMessage): boolean {
  const isLocal = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host);
  return isLocal && (origin === undefined || origin === `http://${host}`);
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "Content-Type": isText ? "text/plain; charset=utf-8" : "application/json" });
  response.end(isText ? body : JSON.stringify(body));
}

function sendPage(response: ServerResponse, html: string): void {
  response.writeHead(200, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    "Cache-Control": "no-store",
  });
  response.end(html);
}

function goHome(response: ServerResponse): void {
  response.writeHead(303, { Location: "/" }).end();
}
