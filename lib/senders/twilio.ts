import { createHmac } from "node:crypto";
import { z } from "zod";
import { ask } from "./ask";
import { isSame, type Report } from "./report";
import { accepted, type Cost, failed, refused, type Sender } from "./sender";

export interface TwilioSettings {
  /** Where the API is, without a slash at the end. */
  url: string;
  accountSid: string;
  authToken: string;
  /** A number, a short code or an alphanumeric sender ID, or the SID of a messaging service. */
  from: string;
  /** Where Twilio is to report what becomes of a message; null for nowhere. */
  statusCallback: string | null;
}

const Answer = z.union([
  z.object({
    sid: z.string().min(1).max(64),
    price: z.string().max(20).nullish(),
    price_unit: z.string().length(3).nullish(),
  }),
  z.object({ code: z.int().min(0).max(99_999) }),
]);

/**
 * What is wrong with the account or its sender, not with this message (twilio.com/docs/api/errors). 21606 and 21659 are
 * about the sender as well, but may come of the country that it sends to, so they aren't among them.
 */
const ACCOUNT_CODES = new Set([
  20003, // credentials
  20005, // account not active
  20403,
  20404,
  21212, // From is no number
  21603, // From is missing
  21660, // From is another account's
  21701, // no such messaging service
  21703, // the messaging service has no senders
  30002, // account suspended
]);
/** Too much at a time. */
const OVERLOADED_CODES = new Set([14107, 20429, 21611, 30022]);

/**
 * SMS by Twilio: creates a Message (twilio.com/docs/messaging/api/message-resource). What Twilio doesn't know to be the
 * account's fault counts as the message's: strangers choose the numbers, and could have the sender rest otherwise.
 */
export function makeTwilioSender({ url, accountSid, authToken, from, statusCallback }: TwilioSettings): Sender {
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`;
  const sender: Record<string, string> = /^MG[0-9a-f]{32}$/i.test(from)
    ? { MessagingServiceSid: from }
    : { From: from };
  return {
    send: async ({ to, text, ttlMs }, signal) => {
      const body = new URLSearchParams({
        To: to,
        Body: text,
        ...sender,
        // Seconds that the message may wait with Twilio before it is dropped, unpaid.
        ValidityPeriod: String(Math.min(Math.max(Math.ceil(ttlMs / 1000), 5), 14_400)),
        ...(statusCallback && { StatusCallback: statusCallback }),
      });
      const asked = await ask(
        {
          url: `${url}/2010-04-01/Accounts/${accountSid}/Messages.json`,
          headers: { Authorization: authorization },
          body,
          shape: Answer,
        },
        signal,
      );
      if (asked.sending) return asked.sending;
      const { answer, status } = asked;
      if ("sid" in answer) return accepted(answer.sid, costOf(answer.price, answer.price_unit));
      if (ACCOUNT_CODES.has(answer.code) || status === 401) return failed("account", answer.code);
      return OVERLOADED_CODES.has(answer.code) ? failed("overloaded", answer.code) : refused(answer.code);
    },
  };
}

/** Known only once the message was sent, as a rule, and then below zero. */
function costOf(price: string | null | undefined, currency: string | null | undefined): Cost | null {
  const amount = Math.abs(Number(price ?? Number.NaN));
  return Number.isFinite(amount) && currency ? { amount, currency: currency.toUpperCase() } : null;
}

const ENDS = new Map<string, Report["state"]>([
  ["delivered", "delivered"],
  ["undelivered", "undelivered"],
  ["failed", "undelivered"],
]);

/**
 * What Twilio reports of a message, once that is its last word; null while it isn't. It signs the address that it was
 * given and the fields by their names (twilio.com/docs/usage/security); `forged` is what wasn't signed so.
 */
export function readTwilioReport(
  { url, authToken }: { url: string; authToken: string },
  fields: Record<string, string>,
  signature: string,
): Report | "forged" | null {
  const signed = Object.keys(fields)
    .sort()
    .map((name) => `${name}${fields[name]}`);
  const expected = createHmac("sha1", authToken)
    .update([url, ...signed].join(""))
    .digest("base64");
  if (!isSame(signature, expected)) return "forged";
  const { MessageSid = "", MessageStatus = "", ErrorCode } = fields;
  const state = ENDS.get(MessageStatus);
  if (!state) return null;
  return { providerId: MessageSid, state, reason: ErrorCode ? `not_delivered ${ErrorCode}` : null };
}
