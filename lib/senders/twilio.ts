import { createHmac } from "node:crypto";
import { z } from "zod";
import { askProvider } from "./ask";
import { type DeliveryReport, equalInConstantTime } from "./report";
import { accepted, type Cost, failed, refused, type Sender } from "./sender";

interface TwilioSettings {
  /** Where the API is, without a slash at the end. */
  url: string;
  accountSid: string;
  authToken: string;
  /** A number, a short code or an alphanumeric sender ID, or the SID of a messaging service. */
  from: string;
  /** The address that Twilio reports deliveries to; null for no reports. */
  statusCallback: string | null;
}

const Answer = z.union([
  z.object({
    sid: z.string().min(1).max(64),
    // A price that can't be read doesn't make an accepted message a failed one.
    price: z.string().max(20).nullish().catch(null),
    price_unit: z
      .string()
      .regex(/^[A-Za-z]{3}$/)
      .nullish()
      .catch(null),
  }),
  z.object({ code: z.int().min(0).max(99_999) }),
]);

/**
 * Errors of the account or its sender, not of one message (twilio.com/docs/api/errors). 21606 and 21659 concern the sender as well, but
 * may depend on the country of the number, so they count as refusals.
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
/** Errors that say that too many messages were sent at a time. */
const OVERLOADED_CODES = new Set([14107, 20429, 21611, 30022]);

/**
 * Sends SMS by Twilio (twilio.com/docs/messaging/api/message-resource). An error that is not in `ACCOUNT_CODES` or
 * `OVERLOADED_CODES` counts as a refusal, because strangers choose the numbers and could otherwise make the sender rest.
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
        // Seconds after which Twilio drops a message that it has not sent yet, without charging for it.
        ValidityPeriod: String(Math.min(Math.max(Math.ceil(ttlMs / 1000), 5), 14_400)),
        ...(statusCallback && { StatusCallback: statusCallback }),
      });
      const asked = await askProvider(
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

/** Twilio's price is negative, and usually null until the message was sent. */
function costOf(price: string | null | undefined, currency: string | null | undefined): Cost | null {
  const amount = Math.abs(Number(price ?? Number.NaN));
  return Number.isFinite(amount) && currency ? { amount, currency: currency.toUpperCase() } : null;
}

const FINAL_STATE_BY_STATUS = new Map<string, DeliveryReport["state"]>([
  ["delivered", "delivered"],
  ["undelivered", "undelivered"],
  ["failed", "undelivered"],
]);

/**
 * Reads Twilio's report of a message. Returns null while the state is not final, and `forged` without a valid signature. Twilio signs
 * the callback's address and the fields in the order of their names (twilio.com/docs/usage/security).
 */
export function readTwilioReport(
  { url, authToken }: { url: string; authToken: string },
  fields: Record<string, string>,
  signature: string,
): DeliveryReport | "forged" | null {
  const signed = Object.keys(fields)
    .sort()
    .map((name) => `${name}${fields[name]}`);
  const expected = createHmac("sha1", authToken)
    .update([url, ...signed].join(""))
    .digest("base64");
  if (!equalInConstantTime(signature, expected)) return "forged";
  const { MessageSid = "", MessageStatus = "", ErrorCode } = fields;
  const state = FINAL_STATE_BY_STATUS.get(MessageStatus);
  if (!state) return null;
  return { providerId: MessageSid, state, reason: ErrorCode ? `not_delivered ${ErrorCode}` : null };
}
