import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { connectionPools } from "@/lib/db/status";
import { perProcess } from "@/lib/per-process";

const OUTCOMES = {
  codes_sent: { name: "sarafan_codes_sent_total", help: "Codes that were asked for, by what became of them." },
  codes_verified: { name: "sarafan_codes_verified_total", help: "Codes that were typed, by whether they were right." },
  activations: { name: "sarafan_activations_total", help: "Invite codes that were activated, or why they were not." },
};

function makeMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counterOf = (counter: { name: string; help: string }) =>
    new Counter({ ...counter, labelNames: ["outcome"], registers });
  const connections: Gauge<"pool" | "state"> = new Gauge({
    name: "sarafan_database_connections",
    help: "Connections to the database, and what waits for one.",
    labelNames: ["pool", "state"],
    registers,
    collect: () => {
      for (const [pool, states] of Object.entries(connectionPools())) {
        for (const [state, count] of Object.entries(states)) connections.set({ pool, state }, count);
      }
    },
  });
  return {
    registry,
    sendings: new Counter({
      name: "sarafan_sender_messages_total",
      help: "Codes for phones that senders were asked to send, by what they said; what rests is not asked. `none`: none was asked, and why.",
      labelNames: ["sender", "outcome"],
      registers,
    }),
    notices: new Counter({
      name: "sarafan_notices_total",
      help: "Security mails, by what became of them: ok, retried (it was not taken, and is tried again) or not_sent.",
      labelNames: ["outcome"],
      registers,
    }),
    requests: new Counter({
      name: "http_requests_total",
      help: "Requests that were answered; the status is `cut` where the connection ended first.",
      labelNames: ["method", "route", "status"],
      registers,
    }),
    durations: new Histogram({
      name: "http_request_duration_seconds",
      help: "From the request's last header to the answer's last byte.",
      labelNames: ["route"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    outcomes: {
      codes_sent: counterOf(OUTCOMES.codes_sent),
      codes_verified: counterOf(OUTCOMES.codes_verified),
      activations: counterOf(OUTCOMES.activations),
    },
  };
}

const { registry, sendings, notices, requests, durations, outcomes } = perProcess("metrics", makeMetrics);

/** Begins to measure the process itself: memory, processor, event loop. */
export function measureProcess(): void {
  perProcess("metrics of the process", () => collectDefaultMetrics({ register: registry }));
}

/** Counts one answer, or one that nobody waited for. */
export function countRequest(answer: { method: string; route: string; status: number | "cut"; ms: number }): void {
  const { method, route, status, ms } = answer;
  requests.inc({ method, route, status });
  durations.observe({ route }, ms / 1000);
}

/** Counts how something ended, under `ok` or the failure's name, and passes it on. */
export function countOutcome<Outcome extends { ok: true } | { ok: false; failure: { name: string } }>(
  what: keyof typeof OUTCOMES,
  result: Outcome,
): Outcome {
  outcomes[what].inc({ outcome: result.ok ? "ok" : result.failure.name });
  return result;
}

/** Counts what a sender said to a message, or that it rests. */
export function countSending({ sender, outcome }: { sender: string; outcome: string }): void {
  sendings.inc({ sender, outcome });
}

/** Counts a try to send a security mail. */
export function countNotice(outcome: "ok" | "retried" | "not_sent"): void {
  notices.inc({ outcome });
}

/** All numbers, in the text format of Prometheus, and its media type. */
export async function showMetrics(): Promise<{ text: string; mediaType: string }> {
  return { text: await registry.metrics(), mediaType: registry.contentType };
}
