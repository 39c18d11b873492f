import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { connectionPools } from "@/lib/db/status";
import { perProcess } from "@/lib/per-process";

function makeMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const countOutcomes = (name: string, help: string) => new Counter({ name, help, labelNames: ["outcome"], registers });
  const connections: Gauge<"pool" | "state"> = new Gauge({
    name: "sarafan_database_connections",
    help: "Connections to the database, and requests that wait for one.",
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
      help: "Codes for phones, by sender and outcome; a resting sender was not asked. Sender `none`: refused before any sender was asked.",
      labelNames: ["sender", "outcome"],
      registers,
    }),
    notices: countOutcomes(
      "sarafan_notices_total",
      "Attempts to send a security mail: ok, retried (not accepted, to be tried again) or not_sent.",
    ),
    webhooks: countOutcomes("sarafan_webhook_attempts_total", "Attempts to deliver a webhook: ok, or why it failed."),
    logoutNotices: countOutcomes(
      "sarafan_logout_notices_total",
      "Attempts to tell an application of a logout: ok, or why it failed.",
    ),
    requests: new Counter({
      name: "http_requests_total",
      help: "Requests; the status is `cut` where the connection ended before the answer.",
      labelNames: ["method", "route", "status"],
      registers,
    }),
    durations: new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the request's last header to the answer's last byte.",
      labelNames: ["route"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    outcomes: {
      codes_sent: countOutcomes("sarafan_codes_sent_total", "Codes that were requested, by outcome."),
      codes_verified: countOutcomes("sarafan_codes_verified_total", "Codes that were typed, by outcome."),
      activations: countOutcomes("sarafan_activations_total", "Attempts to activate an invite code, by outcome."),
    },
  };
}

const { registry, sendings, notices, webhooks, logoutNotices, requests, durations, outcomes } = perProcess(
  "metrics",
  makeMetrics,
);

/** Adds metrics of the process itself (memory, processor, event loop), once: further calls have no effect. */
export function measureProcess(): void {
  perProcess("metrics of the process", () => collectDefaultMetrics({ register: registry }));
}

/** Counts one request and its duration; the status is `cut` when the connection ended before the answer. */
export function countRequest(answer: { method: string; route: string; status: number | "cut"; ms: number }): void {
  const { method, route, status, ms } = answer;
  requests.inc({ method, route, status });
  durations.observe({ route }, ms / 1000);
}

/** Counts a result under `ok` or its failure's name. Returns the result unchanged. */
export function countOutcome<Outcome extends { ok: true } | { ok: false; failure: { name: string } }>(
  what: keyof typeof outcomes,
  result: Outcome,
): Outcome {
  outcomes[what].inc({ outcome: result.ok ? "ok" : result.failure.name });
  return result;
}

/** Counts what became of a message that was offered to a sender. */
export function countSending({ sender, outcome }: { sender: string; outcome: string }): void {
  sendings.inc({ sender, outcome });
}

/** Counts an attempt to send a security mail. */
export function countNotice(outcome: "ok" | "retried" | "not_sent"): void {
  notices.inc({ outcome });
}

/** Counts an attempt to deliver a webhook: `ok`, or the reason why it failed. */
export function countWebhookAttempt(outcome: string): void {
  webhooks.inc({ outcome });
}

/** Counts an attempt to tell an application of a logout: `ok`, or the reason why it failed. */
export function countLogoutNotice(outcome: string): void {
  logoutNotices.inc({ outcome });
}

/** Returns all metrics in the text format of Prometheus, and that format's media type. */
export async function renderMetrics(): Promise<{ text: string; mediaType: string }> {
  return { text: await registry.metrics(), mediaType: registry.contentType };
}
