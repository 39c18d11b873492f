import { createHash } from "node:crypto";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { Amount, ask } from "./ask";
import { isSame, type Report } from "./report";
import { accepted, failed, refused, type Sender, unanswered } from "./sender";

export interface SmsruSettings {
  /** Where the API is, without a slash at the end. */
  url: string;
  apiId: string;
}

const StatusCode = z.coerce.number().int().min(-1).max(999);

/** The request as a whole, and what became of each number: of one, here. */
const Answer = z.object({
  status_code: StatusCode,
  sms: z
    .record(
      z.string(),
      z.object({
        status_code: StatusCode,
        sms_id: z.string().min(1).max(64).optional(),
        cost: Amount,
      }),
    )
    .optional(),
});

const TAKEN = 100;
/**
 * What is wrong with the account, not with this message (sms.ru/api/send). 204 isn't among them: an operator that the
 * sender name was not agreed on with, so whoever asks chooses the number that it comes of.
 */
const ACCOUNT_CODES = new Set([
  200, // no such api_id
  201, // no money
  206, // the account's messages of the day are spent
  300, // credentials
  301,
  302, // the account was not confirmed
]);
/** The service says that it is away, or that the server failed. */
const SERVER_CODES = new Set([220, 500]);

/** SMS by SMS.ru (sms.ru/api/send). The requester's address lets it stop floods that come from one place. */
export function makeSmsruSender({ url, apiId }: SmsruSettings): Sender {
  return {
    send: async ({ to, text, requesterAddress }, signal) => {
      const body = new URLSearchParams({
        api_id: apiId,
        to: to.replace("+", ""),
        msg: text,
        json: "1",
        ...(requesterAddress && isPublic(requesterAddress) && { ip: requesterAddress }),
      });
      const asked = await ask({ url: `${url}/sms/send`, body, shape: Answer }, signal);
      if (asked.sending) return asked.sending;
      const { status_code, sms = {} } = asked.answer;
      const [one] = Object.values(sms);
      const code = status_code === TAKEN ? one?.status_code : status_code;
      if (code === undefined) return unanswered("garbage", asked.status);
      if (code === TAKEN) {
        const cost = one?.cost === undefined ? null : { amount: one.cost, currency: "RUB" };
        return accepted(one?.sms_id ?? null, cost);
      }
      if (ACCOUNT_CODES.has(code)) return failed("account", code);
      return SERVER_CODES.has(code) ? failed("server_error", code) : refused(code);
    },
  };
}

const OWN_RANGES = ["loopback", "private", "linkLocal", "uniqueLocal", "unspecified", "carrierGradeNat"];

/** SMS.ru refuses a message with an address of somebody's own network (507). */
function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && !OWN_RANGES.includes(ipaddr.process(address).range());
}

const DELIVERED = 103;
/** Expired, deleted, failed on the phone, failed, rejected, no route. */
const UNDELIVERED = new Set([104, 105, 106, 107, 108, 150]);

/**
 * What SMS.ru reports of messages, of those whose end is known (sms.ru/api/callback). The hash over the entries begins with
 * our secret; `forged` is what has another one.
 */
export function readSmsruReports(
  { apiId }: Pick<SmsruSettings, "apiId">,
  fields: Record<string, string>,
): Report[] | "forged" {
  const entries = Object.entries(fields).flatMap(([name, value]) => (/^data\[\d*\]$/.test(name) ? value : []));
  const expected = createHash("sha256")
    .update(`${apiId}${entries.join("")}`)
    .digest("hex");
  if (!isSame(fields.hash ?? "", expected)) return "forged";
  return entries.flatMap((entry) => {
    const [kind, providerId = "", status = ""] = entry.split(/\r?\n/);
    const code = Number(status);
    if (kind !== "sms_status") return [];
    if (code === DELIVERED) return { providerId, state: "delivered" as const, reason: null };
    return UNDELIVERED.has(code) ? { providerId, state: "undelivered" as const, reason: `not_delivered ${code}` } : [];
  });
}
