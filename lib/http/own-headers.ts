import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { perProcess } from "@/lib/per-process";

// No client can know it, so a header of one of these names that a client sends counts for nothing, even where a host tells
// instrumentation.ts nothing of a request.
const MARK = perProcess("mark of own headers", () => randomBytes(16).toString("hex"));

/** Writes what this process knows of a request into a header of it, over whatever a client has sent under that name. */
export function writeOwnHeader({ headers }: Pick<IncomingMessage, "headers">, name: string, value: string): void {
  headers[name] = `${MARK} ${value}`;
}

/** What this process has written into a header of a request; null when it has written nothing. */
export function readOwnHeader(headers: Headers, name: string): string | null {
  const [mark, value] = headers.get(name)?.split(" ") ?? [];
  return mark === MARK ? (value ?? "") : null;
}
