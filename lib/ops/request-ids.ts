import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { env } from "@/lib/env";
import { perProcess } from "@/lib/per-process";

interface Exchange {
  requestId: string;
  response: ServerResponse;
}

// One AsyncLocalStorage holds id and response, because each further one makes every promise slower.
const currentExchange = perProcess("exchange", () => new AsyncLocalStorage<Exchange>());

/** The id of the request at hand; undefined outside a request. */
export function currentRequestId(): string | undefined {
  return currentExchange.getStore()?.requestId;
}

/** The response to the request at hand; undefined outside a request, and on hosts where instrumentation.ts sees no requests. */
export function currentResponse(): ServerResponse | undefined {
  return currentExchange.getStore()?.response;
}

/**
 * Chooses the id of a request, and keeps id and response for `currentRequestId` and `currentResponse`. Returns the id: behind a
 * trusted proxy that of the header `X-Request-Id`, if it has 16 to 64 characters and so can't be a phone; else a random one.
 */
export function beginRequest({ headers }: IncomingMessage, response: ServerResponse): string {
  const given = headers["x-request-id"];
  const isGood = env.TRUSTED_PROXIES > 0 && typeof given === "string" && /^[\w-]{16,64}$/.test(given);
  const requestId = isGood ? given : randomUUID();
  currentExchange.enterWith({ requestId, response });
  return requestId;
}
