import { Client } from "undici";
import type { Server } from "./server";

/** A person who sends requests, with the values from earlier answers. */
export interface Visitor {
  phone: string;
  /** The code that was sent to the phone, after it was requested. */
  code: string;
  /** The refresh token, for a login without cookies. */
  refresh: string;
  cookies: Record<string, string>;
}

/** One request of a visit, sent with all cookies that the visitor has. */
export interface Step {
  path: string;
  /** The JSON body of a POST; without it the request is a GET. */
  body?: (visitor: Visitor) => Record<string, string>;
  /** Reads the values that the next step needs from the answer. */
  read?: (visitor: Visitor, answer: Answer) => void | Promise<void>;
}

interface Answer {
  body: string;
  headers: Record<string, string | string[] | undefined>;
}

/** The result of a load. */
export interface Load {
  /** Visits a second. */
  perSecond: number;
  /** The processor time of the server's processes, for each visit. */
  cpuMs: number;
  /** The duration of each visit with all its requests. */
  latenciesMs: number[];
}

const ANSWER_MS_MAX = 30_000;

/**
 * Runs visits on `connections` connections in parallel, each with the steps in order, for some seconds or some number of visits. `begin`
 * makes the visitor of each visit. Throws when an answer is no success or is missing.
 */
export async function visit(
  { url, usage }: Pick<Server, "url" | "usage">,
  steps: Step[],
  {
    begin,
    connections,
    limit,
  }: { begin: () => Visitor; connections: number; limit: { seconds: number } | { visits: number } },
): Promise<Load> {
  const startedAt = performance.now();
  const latenciesMs: number[] = [];
  let begun = 0;
  const isOver = () =>
    "visits" in limit ? begun >= limit.visits : performance.now() - startedAt >= limit.seconds * 1000;

  /** Runs visits on one connection, one after the other; resolves to visits a second. */
  async function keepVisiting(client: Client): Promise<number> {
    let visits = 0;
    while (!isOver()) {
      begun += 1;
      const visitor = begin();
      const begunAt = performance.now();
      for (const step of steps) await take(client, step, visitor);
      latenciesMs.push(performance.now() - begunAt);
      visits += 1;
    }
    return visits / ((performance.now() - startedAt) / 1000);
  }

  const timeouts = { headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX };
  const clients = Array.from({ length: connections }, () => new Client(url, timeouts));
  const { cpuMs } = usage();
  try {
    const rates = await Promise.all(clients.map(keepVisiting));
    return {
      perSecond: rates.reduce((sum, rate) => sum + rate, 0),
      cpuMs: (usage().cpuMs - cpuMs) / latenciesMs.length,
      latenciesMs,
    };
  } finally {
    await Promise.all(clients.map((client) => client.destroy()));
  }
}

/** Whether the answer is a session: without one, both products answer 200 and `null`. */
export function expectSession(_: Visitor, { body }: Answer): void {
  if (!JSON.parse(body)) throw new Error("A session check found no session.");
}

async function take(client: Client, { path, body, read }: Step, visitor: Visitor): Promise<void> {
  const cookie = Object.entries(visitor.cookies).map(([name, value]) => `${name}=${value}`);
  const answer = await client.request({
    path,
    method: body ? "POST" : "GET",
    headers: {
      ...(cookie.length > 0 && { cookie: cookie.join("; ") }),
      ...(body && { "content-type": "application/json" }),
    },
    body: body ? JSON.stringify(body(visitor)) : null,
  });
  const text = await answer.body.text();
  if (answer.statusCode < 200 || answer.statusCode > 299) {
    throw new Error(`${path} answered ${answer.statusCode}: ${text.slice(0, 500)}`);
  }
  for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value) visitor.cookies[name] = value;
    else delete visitor.cookies[name];
  }
  await read?.(visitor, { body: text, headers: answer.headers });
}
