import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { perProcess } from "@/lib/per-process";

// The value of each header of ours begins with this secret of the process. A client doesn't know the secret, so a header of the
// same name that a client sends is ignored, even on a host where before-next.ts doesn't run.
const OWN_HEADER_SECRET = perProcess("mark of own headers", () => randomBytes(16).toString("hex"));

/** Sets a request header that only this process can set. Replaces a header of the same name that the client has sent. */
export function writeOwnHeader({ headers }: Pick<IncomingMessage, "headers">, name: string, value: string): void {
  headers[name] = `${OWN_HEADER_SECRET} ${value}`;
}

/** Returns the value that `writeOwnHeader` has set in this process, or null if it has set none. */
export function readOwnHeader(headers: Headers, name: string): string | null {
  const [mark, value] = headers.get(name)?.split(" ") ?? [];
  return mark === OWN_HEADER_SECRET ? (value ?? "") : null;
}
