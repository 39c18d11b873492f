import type { IncomingMessage } from "node:http";
import { METHODS } from "@/lib/ops/methods";
import { readOwnHeader, writeOwnHeader } from "./own-headers";

/** The request header that marks a replaced method, set by `replaceUnknownMethod`. The matcher of proxy.ts repeats its name. */
const METHOD_HEADER = "x-sarafan-method";

/**
 * Replaces a method that Next.js doesn't know by OPTIONS, and marks the request in a header of ours. Next.js would respond to
 * such a method with an error, or as to GET. Must run after the method was logged.
 */
export function replaceUnknownMethod(request: IncomingMessage): void {
  if (METHODS.includes(request.method ?? "")) return;
  writeOwnHeader(request, METHOD_HEADER, "unknown");
  request.method = "OPTIONS";
}

/** Whether the client sent the request with a method that Next.js doesn't know, such as PROPFIND. */
export function hasUnknownMethod(headers: Headers): boolean {
  return readOwnHeader(headers, METHOD_HEADER) !== null;
}
