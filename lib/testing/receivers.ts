import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A webhook or a logout notice as a receiver got it. */
export interface Received {
  headers: IncomingHttpHeaders;
  text: string;
  /** The JSON of a webhook. A logout notice is a form, which only `text` has. */
  body: {
    type: string;
    timestamp: string;
    id: string;
    accountId: number | null;
    sequence: number | null;
    isTest: boolean;
    data: object;
    account?: { phone: string | null; email: string | null } | null;
  };
}

export type Answer = (request: IncomingMessage, response: ServerResponse, received: Received) => void;

export interface Receiver {
  url: string;
  received: Received[];
  /** How it answers. At first with 204. */
  answer: Answer;
  close: () => void;
}

/** Starts a receiver of webhooks and logout notices on this machine. */
export async function startReceiver(answer: Answer = answerWith(204)): Promise<Receiver> {
  const server = createServer((request, response) => {
    void text(request).then(
      (body) => {
        const isJson = request.headers["content-type"] === "application/json";
        const received = { headers: request.headers, text: body, body: isJson ? JSON.parse(body) : null };
        receiver.received.push(received);
        receiver.answer(request, response, received);
      },
      () => undefined,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    answer,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return receiver;
}

/** Answers with this status. */
export function answerWith(status: number, headers: Record<string, string> = {}, body = ""): Answer {
  return (_, response) => void response.writeHead(status, headers).end(body);
}
