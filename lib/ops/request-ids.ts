import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { env } from "@/lib/env";

const kept = globalThis as { sarafanRequestId?: AsyncLocalStorage<string> };
kept.sarafanRequestId ??= new AsyncLocalStorage();
const current = kept.sarafanRequestId;

/** The id of the request that is being answered, wherever the answer is being made. */
export function currentRequestId(): string | undefined {
  return current.getStore();
}

/**
 * Gives the request an id, for all that happens from here on: its own where a proxy that is trusted has given it one, too
 * long to be a phone.
 */
export function beginRequest({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  const isGood = env.TRUSTED_PROXIES > 0 && typeof given === "string" && /^[\w-]{16,64}$/.test(given);
  const id = isGood ? given : randomUUID();
  current.enterWith(id);
  return id;
}
