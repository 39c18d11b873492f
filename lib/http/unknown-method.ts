import type { IncomingMessage } from "node:http";
import { METHODS } from "@/lib/ops/methods";
import { readOwnHeader, writeOwnHeader } from "./own-headers";

/** Written by `replaceUnknownMethod`; proxy.ts names it as well. */
const METHOD_HEADER = "x-sarafan-method";

/**
 * Next.js answers a method that it doesn't know with an error, or as if it were GET. So it gets OPTIONS instead, and a note for
 * what answers that. Has to run after whatever logs the method.
 */
export function replaceUnknownMethod(request: IncomingMessage): void {
  if (METHODS.includes(request.method ?? "")) return;
  writeOwnHeader(request, METHOD_HEADER, "unknown");
  request.method = "OPTIONS";
  // The redirects of next.config.ts would come first.
  if (!request.url?.startsWith("/api/")) request.url = "/";
}

/** Whether the request came with a method that is answered nowhere here. */
export function hasUnknownMethod(headers: Headers): boolean {
  return readOwnHeader(headers, METHOD_HEADER) !== null;
}
