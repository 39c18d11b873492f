import { once } from "node:events";
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Server } from "./fixtures";

/** A load balancer without sticky sessions: each request goes to the next server, on a new connection. */
export interface RoundRobin {
  /** Its address, without a slash at the end. */
  url: string;
  /** The servers to take turns. */
  lead(to: readonly Server[]): void;
  /** How many requests each server has got, in their order. */
  turns(): number[];
  stop(): Promise<void>;
}

export async function startRoundRobin(): Promise<RoundRobin> {
  let servers: readonly Server[] = [];
  let turns: number[] = [];
  let turn = 0;

  function pass(incoming: IncomingMessage, answer: ServerResponse) {
    const at = turn % servers.length;
    // Otherwise the number of a page's files would decide which server gets the next form.
    if (!incoming.url?.startsWith("/_next/static/")) {
      turn += 1;
      turns[at] = (turns[at] ?? 0) + 1;
    }
    const { method = "GET", url = "/", headers } = incoming;
    const outgoing = forward({ host: "localhost", port: servers[at]?.port, method, path: url, headers, agent: false });
    outgoing.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, { ...response.headers, connection: "close" });
      response.pipe(answer);
    });
    outgoing.on("error", () => answer.destroy());
    answer.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  const proxy = createServer(pass).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `http://localhost:${(proxy.address() as AddressInfo).port}`,
    lead: (to) => {
      servers = to;
      turns = to.map(() => 0);
    },
    turns: () => [...turns],
    stop: async () => {
      proxy.close();
      proxy.closeAllConnections();
      await once(proxy, "close");
    },
  };
}
