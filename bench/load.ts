import autocannon from "autocannon";

/** Somebody who sends requests, and what they know by now. */
export interface Visitor {
  phone: string;
  /** The code that was sent to the phone, once it has been asked for. */
  code: string;
  cookies: Record<string, string>;
}

/** One request of a visit, sent with all cookies that the visitor has. */
export interface Step {
  path: string;
  /** What is posted, as JSON; without it the request is a GET. */
  body?: (visitor: Visitor) => Record<string, string>;
  /** Takes from the answer what the next step needs. */
  read?: (visitor: Visitor, answer: { body: string; headers: Record<string, string> }) => void;
}

/** How a server bore it. */
export interface Load {
  /** Visits a second. */
  perSecond: number;
  /** How long each visit took: the sum of its requests. */
  latenciesMs: number[];
}

/**
 * Lets `connections` visitors at a time take the steps one after the other, again and again, for some seconds or for some
 * number of visits. `begin` makes the visitor of each visit. Throws when any answer is no success.
 */
export async function visit(
  url: string,
  steps: Step[],
  {
    begin,
    connections,
    limit,
  }: { begin: () => Visitor; connections: number; limit: { seconds: number } | { visits: number } },
): Promise<Load> {
  const settings = {
    url,
    connections,
    ...("visits" in limit ? { amount: limit.visits * steps.length } : { duration: limit.seconds }),
    requests: steps.map((step, at) => requestOf(step, { begin: at === 0 ? begin : null })),
  };
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  let endedAt = startedAt;
  const visits = new WeakMap<object, { steps: number; ms: number }>();
  const { non2xx, errors, statusCodeStats } = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(settings, (error, result) => (error ? reject(error) : resolve(result)));
    // Its own histograms know whole milliseconds and single requests only.
    run.on("response", (client, _status, _bytes, ms) => {
      const visit = visits.get(client) ?? { steps: 0, ms: 0 };
      visits.set(client, visit);
      visit.steps += 1;
      visit.ms += ms;
      if (visit.steps < steps.length) return;
      latenciesMs.push(visit.ms);
      visits.delete(client);
      endedAt = performance.now();
    });
  });
  if (latenciesMs.length === 0 && non2xx + errors === 0) throw new Error(`${url}: no visit came to its end in time`);
  if (non2xx + errors > 0) {
    throw new Error(`${url}${steps[0]?.path}: ${errors} errors, answers ${JSON.stringify(statusCodeStats)}`);
  }
  return { perSecond: latenciesMs.length / ((endedAt - startedAt) / 1000), latenciesMs };
}

function requestOf({ path, body, read }: Step, { begin }: { begin: (() => Visitor) | null }): autocannon.Request {
  return {
    path,
    method: body ? "POST" : "GET",
    setupRequest: (request, context) => {
      // autocannon keeps one object for each visit, and its visitor is in it.
      const visitor = begin ? Object.assign(context, begin()) : (context as Visitor);
      const cookie = Object.entries(visitor.cookies).map(([name, value]) => `${name}=${value}`);
      const headers = {
        ...(cookie.length > 0 && { cookie: cookie.join("; ") }),
        ...(body && { "content-type": "application/json" }),
      };
      return { ...request, headers, ...(body && { body: JSON.stringify(body(visitor)) }) };
    },
    onResponse: (_status, text, context, given = {}) => {
      const visitor = context as Visitor;
      const headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
      for (const cookie of [headers["set-cookie"] ?? []].flat()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(String(cookie)) ?? [];
        if (value) visitor.cookies[name] = value;
        else delete visitor.cookies[name];
      }
      read?.(visitor, { body: text, headers: headers as Record<string, string> });
    },
  };
}
