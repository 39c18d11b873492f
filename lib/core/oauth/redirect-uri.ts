import { z } from "zod";
import { REDIRECT_URI_LENGTH_MAX } from "@/lib/core/policy";

/** The characters of a URI (RFC 3986 §2), without the sign of a fragment (RFC 6749 §3.1.2) and without spaces. */
const URI_CHARACTERS_PATTERN = /^[\w\-.~:/?[\]@!$&'()*+,;=%]+$/;
/** A host by name or address. The URL Standard allows further characters, `*` among them, which may look like a pattern. */
const HOST_PATTERN = /^(?:[a-z0-9.-]+|\[[0-9a-f:]+\])$/;
/** A private scheme of an application: a domain backwards, so that it has a dot (RFC 8252 §7.1). */
const PRIVATE_SCHEME_PATTERN = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/;
/** A URI at the person's own machine (RFC 8252 §7.3), in its parts: host, port, and the rest. */
const LOOPBACK_PATTERN = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::([1-9]\d{0,4}))?(\/.*)?$/;
const PORT_MAX = 65_535;
/** The parameters of an answer. A registered URI that had one would get it twice. */
const ANSWER_PARAMETERS = ["code", "state", "iss", "error", "error_description", "error_uri"];

function parseLoopback(uri: string): { host: string; rest: string } | null {
  const [, host, port, rest = ""] = LOOPBACK_PATTERN.exec(uri) ?? [];
  if (host === undefined || (port !== undefined && Number(port) > PORT_MAX)) return null;
  return { host, rest };
}

function isRegistrable(uri: string): boolean {
  if (!URI_CHARACTERS_PATTERN.test(uri) || !URL.canParse(uri)) return false;
  const url = new URL(uri);
  // A browser must go exactly where the text says: no upper-case host, default port, `..`, or address in octal digits.
  if (url.href !== uri && url.href !== `${uri}/`) return false;
  if (url.username || url.password) return false;
  if (ANSWER_PARAMETERS.some((name) => url.searchParams.has(name))) return false;
  if (url.protocol === "https:") return HOST_PATTERN.test(url.hostname);
  return url.protocol === "http:" ? parseLoopback(uri) !== null : PRIVATE_SCHEME_PATTERN.test(url.protocol);
}

/**
 * An address of an application that people are sent back to: https, http at a loopback address, or a private scheme
 * (RFC 8252 §7). Other text fails with the zod issue `redirect_uri_invalid`.
 */
export const RedirectUri = z
  .string()
  .max(REDIRECT_URI_LENGTH_MAX, "redirect_uri_invalid")
  .refine(isRegistrable, "redirect_uri_invalid")
  .brand<"RedirectUri">();
export type RedirectUri = z.output<typeof RedirectUri>;

/** Whether the URI has a private scheme. Only public clients may have one, because several applications can claim it (RFC 8252 §8.4). */
export function hasPrivateScheme(uri: RedirectUri): boolean {
  return !/^https?:/.test(uri);
}

/**
 * Returns the text as a redirect URI if it is one of the registered ones, else null. The comparison is exact (RFC 9700 §4.1.3), except
 * for the port of a loopback address, which an application learns only when it starts (RFC 8252 §7.3).
 */
export function matchRedirectUri(text: string, registered: readonly RedirectUri[]): RedirectUri | null {
  const exact = registered.find((uri) => uri === text);
  if (exact) return exact;
  const asked = parseLoopback(text);
  if (!asked) return null;
  const isSame = registered.map(parseLoopback).some((one) => one?.host === asked.host && one.rest === asked.rest);
  return isSame ? (text as RedirectUri) : null;
}

/**
 * Returns whether pages of this origin are pages of the application that registered the URI. A private scheme is no page's. For a
 * loopback address the port may be any, as in `matchRedirectUri`.
 */
export function isOfOrigin(uri: RedirectUri, origin: string): boolean {
  const loopback = parseLoopback(uri);
  if (!loopback) return uri.startsWith("https:") && new URL(uri).origin === origin;
  const asked = parseLoopback(origin);
  return asked?.host === loopback.host && asked.rest === "";
}

/** Returns the redirect URI with the parameters of an answer added to its query (RFC 6749 §4.1.2). Null ones are left out. */
export function composeAnswer(uri: RedirectUri, parameters: Record<string, string | null>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== null);
  const query = new URLSearchParams(given).toString();
  return `${uri}${uri.includes("?") ? "&" : "?"}${query}`;
}
