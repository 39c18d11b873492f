import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { env } from "@/lib/env";
import { perProcess } from "@/lib/per-process";

interface Exchange {
  requestId: string;
  response: ServerResponse;
}

// One for both: each store costs every promise a little.
const current = perProcess("exchange", () => new AsyncLocalStorage<Exchange>());

/** The id of the request that is being answered, wherever the answer is being made. */
export function currentRequestId(): string | undefined {
  return current.getStore()?.requestId;
}

/** The response to the request that is being answered; undefined where a host tells instrumentation.ts nothing of a request. */
export function currentResponse(): ServerResponse | undefined {
  return current.getStore()?.response;
}

/**
 * Gives the request an id, and keeps it and the response at hand for all that happens from here on. The id is the request's own
 * where a proxy that is trusted has given it one, too long to be a phone.
 */
export function beginRequest({ headers }: IncomingMessage, response: ServerResponse): string {
  const given = headers["x-request-id"];
  const isGood = env.TRUSTED_PROXIES > 0 && typeof given === "string" && /^[\w-]{16,64}$/.test(given);
  const requestId = isGood ? given : randomUUID();
  current.enterWith({ requestId, response });
  return requestId;
}
