import Bowser from "bowser";
import { z } from "zod";

const BROWSERS = new Set<string>(Object.values(Bowser.BROWSER_MAP));
const SYSTEMS = new Set<string>(Object.values(Bowser.OS_MAP));
const SHORTER: Record<string, string> = { "Samsung Internet for Android": "Samsung Internet" };
const BROWSER_NAMES = new Set([...BROWSERS, ...Object.values(SHORTER)]);

/** What applications and services are mostly written with: the owner of one recognises it, and none of them says anything else. */
const CLIENT =
  /(?<=^|\s)(okhttp|Dart|CFNetwork|axios|node|undici|curl|python-requests|python-httpx|aiohttp|Go-http-client|Java|PostmanRuntime)(?:\/(\S*))?(?=\s|$)/;
/** Digits and dots, and so few digits that they are no phone number. */
const VERSION = /^(?=(?:\.?\d){1,5}$)\d+(?:\.\d+)*$/;

/**
 * What a requester uses, as far as it tells (`User-Agent`). Mails and pages show it to the account's owner, so all of it is
 * chosen from names that are known, whatever the requester wrote: a name that isn't one is null.
 */
export const Device = z.object({
  kind: z.enum(["phone", "tablet", "computer", "application", "unknown"]),
  /** The browser, or what an application is written with and its version. */
  name: z
    .string()
    .nullable()
    .transform((name) => (name !== null && isKnownName(name) ? name : null)),
  /** What a browser runs on. */
  system: z
    .string()
    .nullable()
    .transform((system) => (system !== null && SYSTEMS.has(system) ? system : null)),
});
export type Device = z.output<typeof Device>;

const KINDS: Record<string, Device["kind"]> = {
  desktop: "computer",
  mobile: "phone",
  tablet: "tablet",
  bot: "application",
};

/** How programs name themselves (RFC 9110 §10.1.5). */
const PRODUCT = /^[A-Za-z][\w-]*(?:\/\S+)?(?=\s|$)/;
/** What every browser begins with, so that it says nothing. */
const EVERY_BROWSER = /^Mozilla\//;

/**
 * The device that calls itself `agent` (`User-Agent`): a browser that is known, else an application, with a name where it is
 * written with something that is known, else unknown. Whatever it says may be a lie.
 */
export function describeDevice(agent: string | null): Device {
  if (!agent) return { kind: "unknown", name: null, system: null };
  const { browser, os, platform } = Bowser.parse(agent);
  if (browser.name && BROWSERS.has(browser.name)) {
    const system = os.name && SYSTEMS.has(os.name) ? os.name : null;
    const kind = KINDS[platform.type ?? ""] ?? (system === Bowser.OS_MAP.ChromeOS ? "computer" : "unknown");
    return { kind, name: SHORTER[browser.name] ?? browser.name, system };
  }
  if (EVERY_BROWSER.test(agent) || !PRODUCT.test(agent)) return { kind: "unknown", name: null, system: null };
  return { kind: "application", name: clientOf(agent), system: null };
}

/** `okhttp/4.12.0`; null for an application that is written with nothing that is known. */
function clientOf(agent: string): string | null {
  const [, product, version = ""] = CLIENT.exec(agent) ?? [];
  return product && VERSION.test(version) ? `${product}/${version}` : (product ?? null);
}

function isKnownName(name: string): boolean {
  return BROWSER_NAMES.has(name) || clientOf(name) === name;
}

/** What a device is called: `Chrome, Windows`. `words` has what stands for one without a name. */
export function deviceName(
  { kind, name, system }: Device,
  words: (unnamed: "application" | "unknown") => string,
): string {
  if (name === null) return words(kind === "application" ? "application" : "unknown");
  return system ? `${name}, ${system}` : name;
}
