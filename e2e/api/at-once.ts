import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { Server } from "../fixtures";

/** A request to any of the servers. */
export interface Ask {
  method?: "POST" | "DELETE";
  path: string;
  headers?: Record<string, string>;
  data?: unknown;
}

export interface Answer {
  status: number;
  /** The name of the error, or else the status. */
  outcome: string;
  body: unknown;
}

/**
 * Sends the requests to the servers in turn, each without its last byte. When the servers have begun to read all of them, sends the
 * last bytes at the same moment. Resolves to the answers, in order.
 */
export async function askAtOnce(servers: readonly Server[], asks: readonly Ask[]): Promise<Answer[]> {
  const begun = await Promise.all(asks.map((ask, at) => begin(servers[at % servers.length] as Server, ask)));
  const answers = begun.map(({ outgoing }) => once(outgoing, "response") as Promise<[IncomingMessage]>);
  for (const { outgoing, rest } of begun) outgoing.end(rest);
  return Promise.all(answers.map(async (coming) => readAnswer((await coming)[0])));
}

/** Counts the outcomes. */
export function countOutcomes(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of answers) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Sends a request without the last byte of its body. */
async function begin(
  { port }: Server,
  { method = "POST", path, headers = {}, data = {} }: Ask,
): Promise<{ outgoing: ClientRequest; rest: Buffer }> {
  const body = Buffer.from(JSON.stringify(data));
  const outgoing = request({
    host: "localhost",
    port,
    method,
    path,
    agent: false,
    headers: { ...headers, "content-type": "application/json", "content-length": body.length },
  });
  await new Promise<void>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.write(body.subarray(0, -1), () => resolve());
  });
  return { outgoing, rest: body.subarray(-1) };
}

async function readAnswer(answer: IncomingMessage): Promise<Answer> {
  const status = answer.statusCode ?? 0;
  const body = await text(answer);
  return { status, outcome: String(answer.headers["sarafan-error"] ?? status), body: body && JSON.parse(body) };
}
