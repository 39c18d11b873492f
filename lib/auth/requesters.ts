import { cookies, headers } from "next/headers";
import { z } from "zod";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, isSameRecipient, phoneRecipient, Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { KNOWN_BROWSER_TTL_MS } from "@/lib/core/policy";
import { networkOf } from "@/lib/http/client-ip";
import { COOKIE_OPTIONS, cookieName, readCookie } from "./cookies";
import { seal, unseal } from "./sealed-cookie";

/** What a cookie of version 0.1 held: an address alone, which is a phone or else a mailbox. Such cookies last a year. */
const BareAddress = z.union([Phone.transform(phoneRecipient), Email.transform(emailRecipient)]);
/** A browser that has logged in, and by what; the newest first. */
const RecognisedBrowser = z.object({ id: z.uuid(), recipients: z.array(z.union([Recipient, BareAddress])) });
type RecognisedBrowser = z.output<typeof RecognisedBrowser>;

const NAME = cookieName("sarafan-known");
const SEAL = { purpose: "known browser", schema: RecognisedBrowser, ttlMs: KNOWN_BROWSER_TTL_MS };
/** Holds for an application, which has no cookie jar, what the cookie holds for a browser: its sign-ins answer it, and it sends it. */
const DEVICE_HEADER = "Sarafan-Device";
/** Another purpose than the cookie's, so that neither stands in for the other. */
const DEVICE_SEAL = { ...SEAL, purpose: "known application" };
/** A family shares a browser; a cookie has its bounds. */
const RECIPIENTS_MAX = 5;
const AGENT_LENGTH_MAX = 256;

/** Who asks. A device token takes the place of the cookie; one that isn't ours counts for nothing. */
export async function currentRequester(): Promise<Requester> {
  const asked = await headers();
  return {
    network: networkOf(asked),
    agent: asked.get("user-agent")?.slice(0, AGENT_LENGTH_MAX) || null,
    browser: asked.has(DEVICE_HEADER) ? await readRecognisedApplication() : await readRecognisedBrowser(),
  };
}

/** The requester's browser or application; one that has no name yet gets one. */
export function namedBrowser({ browser }: Requester): NamedBrowser {
  return browser ?? { id: crypto.randomUUID(), recipients: [] };
}

/** Notes in this browser's cookie that it has logged in by this phone or mailbox. Only in actions and route handlers. */
export async function rememberBrowser(browser: NamedBrowser, recipient: Recipient): Promise<void> {
  const options = { ...COOKIE_OPTIONS, maxAge: SEAL.ttlMs / 1000 };
  (await cookies()).set(NAME, await seal(SEAL, addRecipient(browser, recipient)), options);
}

/** The same for an application, as headers of the answer. */
export async function rememberApplication(
  browser: NamedBrowser,
  recipient: Recipient,
): Promise<{ "Sarafan-Device": string }> {
  return { [DEVICE_HEADER]: await seal(DEVICE_SEAL, addRecipient(browser, recipient)) };
}

/** A browser or application by its random name, and what it has logged in by. */
type NamedBrowser = NonNullable<Requester["browser"]>;

function addRecipient({ id, recipients }: NamedBrowser, recipient: Recipient): RecognisedBrowser {
  const others = recipients.filter((other) => !isSameRecipient(other, recipient));
  return { id, recipients: [recipient, ...others].slice(0, RECIPIENTS_MAX) };
}

async function readRecognisedApplication() {
  return unseal(DEVICE_SEAL, (await headers()).get(DEVICE_HEADER) ?? undefined);
}

async function readRecognisedBrowser() {
  return unseal(SEAL, await readCookie(NAME));
}
