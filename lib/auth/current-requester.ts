import { headers } from "next/headers";
import { z } from "zod";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, isSameRecipient, phoneRecipient, Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { KNOWN_BROWSER_TTL_MS } from "@/lib/core/policy";
import { networkOf } from "@/lib/http/client-ip";
import { cookieName, readCookie, setCookie } from "./cookies";
import { decryptToken, encryptToken } from "./sealed-cookie";

/** A recipient as a cookie of version 0.1 has it: an address without its kind. Such cookies may be a year old. */
const BareAddress = z.union([Phone.transform(phoneRecipient), Email.transform(emailRecipient)]);
/** A recognised browser: its random name, and the phones and mailboxes that it has logged in by, the latest first. */
const RecognisedBrowser = z.object({ id: z.uuid(), recipients: z.array(z.union([Recipient, BareAddress])) });
type RecognisedBrowser = z.output<typeof RecognisedBrowser>;

const COOKIE_NAME = cookieName("sarafan-known");
const COOKIE_TOKEN_KIND = { purpose: "known browser", schema: RecognisedBrowser, ttlMs: KNOWN_BROWSER_TTL_MS };
/** The header of a client application's device token: set in the response to a sign-in, and sent with later requests. */
const DEVICE_HEADER = "Sarafan-Device";
/** The purposes of cookie and device token differ, so that neither is accepted as the other. */
const DEVICE_TOKEN_KIND = { ...COOKIE_TOKEN_KIND, purpose: "known application" };
/** How many phones and mailboxes a cookie remembers: enough for a family that shares a browser, few enough for a cookie. */
const RECIPIENTS_MAX = 5;
const AGENT_LENGTH_MAX = 256;

/**
 * Reads the requester of this request: its network, its `User-Agent`, and its browser if that is recognised. For a request with
 * a device token the cookie is ignored, even if the token is not valid.
 */
export async function currentRequester(): Promise<Requester> {
  const asked = await headers();
  return {
    network: networkOf(asked),
    agent: asked.get("user-agent")?.slice(0, AGENT_LENGTH_MAX) || null,
    browser: asked.has(DEVICE_HEADER) ? await readRecognisedApplication() : await readRecognisedBrowser(),
  };
}

/** Returns the requester's recognised browser or application, or a new one with a random name. */
export function recognisedOrNewBrowser({ browser }: Requester): NamedBrowser {
  return browser ?? { id: crypto.randomUUID(), recipients: [] };
}

/** Adds `recipient` to the cookie by which this browser is recognised. Only for server actions and route handlers. */
export async function rememberBrowser(browser: NamedBrowser, recipient: Recipient): Promise<void> {
  await setCookie(COOKIE_NAME, encryptToken(COOKIE_TOKEN_KIND, addRecipient(browser, recipient)), COOKIE_TOKEN_KIND);
}

/** Adds `recipient` to a client application's device token. Returns the response header with the new token. */
export async function rememberApplication(
  browser: NamedBrowser,
  recipient: Recipient,
): Promise<{ "Sarafan-Device": string }> {
  return { [DEVICE_HEADER]: encryptToken(DEVICE_TOKEN_KIND, addRecipient(browser, recipient)) };
}

/** A browser or client application: its random name, and the phones and mailboxes that it has logged in by. */
type NamedBrowser = NonNullable<Requester["browser"]>;

function addRecipient({ id, recipients }: NamedBrowser, recipient: Recipient): RecognisedBrowser {
  const others = recipients.filter((other) => !isSameRecipient(other, recipient));
  return { id, recipients: [recipient, ...others].slice(0, RECIPIENTS_MAX) };
}

async function readRecognisedApplication() {
  return decryptToken(DEVICE_TOKEN_KIND, (await headers()).get(DEVICE_HEADER) ?? undefined);
}

async function readRecognisedBrowser() {
  return decryptToken(COOKIE_TOKEN_KIND, await readCookie(COOKIE_NAME));
}
