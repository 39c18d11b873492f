import { cookies, headers } from "next/headers";
import { z } from "zod";
import { Email } from "@/lib/core/email";
import { Phone } from "@/lib/core/phone";
import { KNOWN_BROWSER_TTL_MS } from "@/lib/core/policy";
import { emailRecipient, isSameRecipient, phoneRecipient, Recipient } from "@/lib/core/recipient";
import type { Requester } from "@/lib/core/requester";
import { isForeignRequest, networkOf } from "./callers";
import { COOKIE_OPTIONS, cookieName } from "./cookies";
import { seal, unseal } from "./seals";

/** What a cookie of version 0.1 held: an address alone, which is a phone or else a mailbox. Such cookies last a year. */
const BareAddress = z.union([Phone.transform(phoneRecipient), Email.transform(emailRecipient)]);
/** A browser that has logged in, and by what; the newest first. */
const KnownBrowser = z.object({ id: z.uuid(), recipients: z.array(z.union([Recipient, BareAddress])) });
type KnownBrowser = z.output<typeof KnownBrowser>;

const NAME = cookieName("sarafan-known");
const SEAL = { purpose: "known browser", schema: KnownBrowser, ttlMs: KNOWN_BROWSER_TTL_MS };
/** A family shares a browser; a cookie has its bounds. */
const RECIPIENTS_MAX = 5;
const AGENT_LENGTH_MAX = 256;

/** Who asks. Cookies beside an `Authorization` header, or sent by a page elsewhere, count for nothing. */
export async function currentRequester(): Promise<Requester> {
  const asked = await headers();
  return {
    network: networkOf(asked),
    agent: asked.get("user-agent")?.slice(0, AGENT_LENGTH_MAX) || null,
    browser: asked.has("authorization") || isOfForeignPage(asked) ? null : await readKnownBrowser(),
  };
}

/**
 * Notes in this browser's cookie that it has logged in by this phone or mailbox, and answers what the cookie says now. Only in
 * actions and route handlers.
 */
export async function rememberBrowser(recipient: Recipient): Promise<KnownBrowser> {
  const known = (await readKnownBrowser()) ?? { id: crypto.randomUUID(), recipients: [] };
  const others = known.recipients.filter((other) => !isSameRecipient(other, recipient));
  const browser = { id: known.id, recipients: [recipient, ...others].slice(0, RECIPIENTS_MAX) };
  const options = { ...COOKIE_OPTIONS, maxAge: SEAL.ttlMs / 1000 };
  (await cookies()).set(NAME, await seal(SEAL, browser), options);
  return browser;
}

/** Whether a page of another origin made the request; a link that was followed from there is no such thing. */
function isOfForeignPage(headers: Headers): boolean {
  return headers.has("origin") && isForeignRequest({ method: "POST", headers });
}

async function readKnownBrowser() {
  return unseal(SEAL, (await cookies()).get(NAME)?.value);
}
