/**
 * Returns the text after `Bearer` in the `Authorization` header, unchecked (RFC 6750 §2.1). Returns null without the header, or
 * if it has another scheme: a proxy in front of a staging site may use Basic, for example.
 */
export function readBearer(headers: Headers): string | null {
  const found = /^Bearer(?: +(.*))?$/i.exec(headers.get("authorization") ?? "");
  return found && (found[1] ?? "");
}
