/**
 * What stands behind `Bearer` in the `Authorization` header, which may be anything (RFC 6750 §2.1); null where there is no such
 * header or it has another scheme: that of a staging site's proxy, such as Basic, is not ours.
 */
export function readBearer(headers: Headers): string | null {
  const found = /^Bearer(?: +(.*))?$/i.exec(headers.get("authorization") ?? "");
  return found && (found[1] ?? "");
}
