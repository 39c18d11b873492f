import Bowser from "bowser";
import { z } from "zod";

const FULL_BROWSER_NAMES = new Set<string>(Object.values(Bowser.BROWSER_MAP));
const SYSTEM_NAMES = new Set<string>(Object.values(Bowser.OS_MAP));
const SHORT_NAME_BY_BROWSER: Record<string, string> = { "Samsung Internet for Android": "Samsung Internet" };
const BROWSER_NAMES = new Set([...FULL_BROWSER_NAMES, ...Object.values(SHORT_NAME_BY_BROWSER)]);

/**
 * The libraries that applications and services are commonly written with. Only names of this list are shown to an owner, so
 * that a stranger can't put a message into the name.
 */
const CLIENT_PATTERN =
  /(?<=^|\s)(okhttp|Dart|CFNetwork|axios|node|undici|curl|python-requests|python-httpx|aiohttp|Go-http-client|Java|PostmanRuntime)(?:\/(\S*))?(?=\s|$)/;
/** A version: digits and dots, with at most five digits, so that it can't be a phone number. */
const VERSION_PATTERN = /^(?=(?:\.?\d){1,5}$)\d+(?:\.\d+)*$/;

/**
 * The device behind a `User-Agent`. Mails and pages show it to the account's owner, so its names come from fixed lists and
 * never from the header. A name that is not in a list becomes null.
 */
export const Device = z.object({
  kind: z.enum(["phone", "tablet", "computer", "application", "unknown"]),
  /** The browser, or the library of a client application with its version. */
  name: z
    .string()
    .nullable()
    .transform((name) => (name !== null && isKnownName(name) ? name : null)),
  /** The operating system of a browser. */
  system: z
    .string()
    .nullable()
    .transform((system) => (system !== null && SYSTEM_NAMES.has(system) ? system : null)),
});
export type Device = z.output<typeof Device>;

const KIND_BY_PLATFORM: Record<string, Device["kind"]> = {
  desktop: "computer",
  mobile: "phone",
  tablet: "tablet",
  bot: "application",
};

/** The way that programs name themselves in a `User-Agent` (RFC 9110 §10.1.5). */
const PRODUCT_PATTERN = /^[A-Za-z][\w-]*(?:\/\S+)?(?=\s|$)/;
/** The beginning of the `User-Agent` of all browsers. */
const MOZILLA_PATTERN = /^Mozilla\//;

/**
 * Returns the device that a `User-Agent` names, which may be false: a known browser; otherwise an application, with a name if
 * its library is known; otherwise an unknown device.
 */
export function describeDevice(agent: string | null): Device {
  if (!agent) return { kind: "unknown", name: null, system: null };
  const { browser, os, platform } = Bowser.parse(agent);
  if (browser.name && FULL_BROWSER_NAMES.has(browser.name)) {
    const system = os.name && SYSTEM_NAMES.has(os.name) ? os.name : null;
    const kind = KIND_BY_PLATFORM[platform.type ?? ""] ?? (system === Bowser.OS_MAP.ChromeOS ? "computer" : "unknown");
    return { kind, name: SHORT_NAME_BY_BROWSER[browser.name] ?? browser.name, system };
  }
  if (MOZILLA_PATTERN.test(agent) || !PRODUCT_PATTERN.test(agent)) return { kind: "unknown", name: null, system: null };
  return { kind: "application", name: clientOf(agent), system: null };
}

/** Returns the library that a `User-Agent` names and its version, as in `okhttp/4.12.0`; null if it names no known library. */
function clientOf(agent: string): string | null {
  const [, product, version = ""] = CLIENT_PATTERN.exec(agent) ?? [];
  return product && VERSION_PATTERN.test(version) ? `${product}/${version}` : (product ?? null);
}

function isKnownName(name: string): boolean {
  return BROWSER_NAMES.has(name) || clientOf(name) === name;
}

/** Returns the name of a device for display, as in `Chrome, Windows`. `words` translates the names for unnamed devices. */
export function deviceName(
  { kind, name, system }: Device,
  words: (unnamed: "application" | "unknown") => string,
): string {
  if (name === null) return words(kind === "application" ? "application" : "unknown");
  return system ? `${name}, ${system}` : name;
}
