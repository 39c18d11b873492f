import Bowser from "bowser";
import { z } from "zod";

/** What somebody uses, as far as it tells: nothing in it is of a person. */
export const Device = z.object({
  kind: z.enum(["phone", "tablet", "computer", "application", "unknown"]),
  /** The browser, or the application with its version; null when it doesn't say. */
  name: z.string().nullable(),
  /** What a browser runs on. */
  system: z.string().nullable(),
});
export type Device = z.output<typeof Device>;

const KINDS: Record<string, Device["kind"]> = {
  desktop: "computer",
  mobile: "phone",
  tablet: "tablet",
  bot: "application",
};

const BROWSERS = new Set(Object.values(Bowser.BROWSER_MAP));
const SYSTEMS = new Set(Object.values(Bowser.OS_MAP));
const SHORTER: Record<string, string> = { "Samsung Internet for Android": "Samsung Internet" };

/** A product and its version as programs name themselves (RFC 9110 §10.1.5), too short of digits to be anybody's number. */
const PRODUCT = /^(?!.*\d{5})[A-Za-z][\w-]{0,30}(\/[\w.-]{1,15})?(?=\s|$)/;
/** What every browser begins with, so that it says nothing. */
const EVERY_BROWSER = /^Mozilla\//;

/**
 * The device that calls itself `agent` (`User-Agent`). A browser has one of the names that are known; anything else is an
 * application, by its first product, `okhttp/4.12`, or unknown. Whatever it says may be a lie.
 */
export function describeDevice(agent: string | null): Device {
  if (!agent) return { kind: "unknown", name: null, system: null };
  const { browser, os, platform } = Bowser.parse(agent);
  if (browser.name && BROWSERS.has(browser.name)) {
    const system = os.name && SYSTEMS.has(os.name) ? os.name : null;
    const kind = KINDS[platform.type ?? ""] ?? (system === Bowser.OS_MAP.ChromeOS ? "computer" : "unknown");
    return { kind, name: SHORTER[browser.name] ?? browser.name, system };
  }
  const [product] = EVERY_BROWSER.test(agent) ? [] : (PRODUCT.exec(agent) ?? []);
  return { kind: product ? "application" : "unknown", name: product ?? null, system: null };
}

/** `Chrome, Windows`; null where it has no name. */
export function deviceName({ name, system }: Device): string | null {
  return name && system ? `${name}, ${system}` : name;
}
