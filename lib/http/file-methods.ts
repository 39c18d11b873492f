import type { IncomingMessage } from "node:http";
import { isFile } from "@/lib/ops/routes";
import { readOwnHeader, writeOwnHeader } from "./own-headers";

/** The request header that marks a request to change a file. The matcher of proxy.ts repeats its name. */
const FILE_METHOD_HEADER = "x-sarafan-file-method";

/**
 * Marks a request for a file by a method other than GET and HEAD in a header of ours. Next.js would respond to it with status 500.
 * Must run after `normaliseUrl` of before-next.ts, which replaces addresses that can't be decoded.
 */
export function markFileMethod(request: IncomingMessage): void {
  const { method = "", url = "" } = request;
  if (["GET", "HEAD"].includes(method) || !isFile(url)) return;
  writeOwnHeader(request, FILE_METHOD_HEADER, "refused");
}

/** Whether the request is for a file, by a method that files don't have. */
export function hasFileMethodMark(headers: Headers): boolean {
  return readOwnHeader(headers, FILE_METHOD_HEADER) !== null;
}
