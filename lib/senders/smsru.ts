import { createHash } from "node:crypto";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { Amount, askProvider } from "./ask";
import { type DeliveryReport, equalInConstantTime } from "./report";
import { accepted, failed, refused, type Sender, unanswered } from "./sender";

const StatusCode = z.coerce.number().int().min(-1).max(999);

/** The status of the request, and in `sms` the status of each number in it; we send one number. */
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

const TAKEN_CODE = 100;
/**
 * Errors of the account, not of one message (sms.ru/api/send). 204 is left out: it says that the sender name is not approved
 * for the number's operator, and the requester chooses the number.
 */
const ACCOUNT_CODES = new Set([
  200, // no such api_id
  201, // no money
  206, // the account's daily limit is reached
  300, // credentials
  301,
  302, // account not confirmed
]);
/** Errors of the service: it is unavailable, or its server failed. */
const SERVER_CODES = new Set([220, 500]);

/**
 * Sends SMS by SMS.ru (sms.ru/api/send), whose API is at `url` (without a slash at the end). SMS.ru also gets the requester's
 * address, by which it limits floods.
 */
export function makeSmsruSender({ url, apiId }: { url: string; apiId: string }): Sender {
  return {
    send: async ({ to, text, requesterAddress }, signal) => {
      const body = new URLSearchParams({
        api_id: apiId,
        to: to.replace("+", ""),
        msg: text,
        json: "1",
        ...(requesterAddress && isPublic(requesterAddress) && { ip: requesterAddress }),
      });
      const asked = await askProvider({ url: `${url}/sms/send`, body, shape: Answer }, signal);
      if (asked.sending) return asked.sending;
      const { status_code, sms = {} } = asked.answer;
      const [one] = Object.values(sms);
      const code = status_code === TAKEN_CODE ? one?.status_code : status_code;
      if (code === undefined) return unanswered("garbage", asked.status);
      if (code === TAKEN_CODE) {
        const cost = one?.cost === undefined ? null : { amount: one.cost, currency: "RUB" };
        return accepted(one?.sms_id ?? null, cost);
      }
      if (ACCOUNT_CODES.has(code)) return failed("account", code);
      return SERVER_CODES.has(code) ? failed("server_error", code) : refused(code);
    },
  };
}

const PRIVATE_RANGES = ["loopback", "private", "linkLocal", "uniqueLocal", "unspecified", "carrierGradeNat"];

/** Whether an address is public: SMS.ru refuses a message with a private one (507). */
function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && !PRIVATE_RANGES.includes(ipaddr.process(address).range());
}

const DELIVERED_CODE = 103;
/** Final states in which a message did not arrive: expired, deleted, failed on the phone, failed, rejected, no route. */
const FAILED_CODES = new Set([104, 105, 106, 107, 108, 150]);

/**
 * Reads SMS.ru's reports of the messages whose state is final (sms.ru/api/callback). Returns `forged` when the hash over the API id and
 * the entries is wrong.
 */
export function readSmsruReports(
  { apiId }: { apiId: string },
  fields: Record<string, string>,
): DeliveryReport[] | "forged" {
  const entries = Object.entries(fields).flatMap(([name, value]) => (/^data\[\d*\]$/.test(name) ? value : []));
  const expected = createHash("sha256")
    .update(`${apiId}${entries.join("")}`)
    .digest("hex");
  if (!equalInConstantTime(fields.hash ?? "", expected)) return "forged";
  return entries.flatMap((entry) => {
    const [kind, providerId = "", status = ""] = entry.split(/\r?\n/);
    const code = Number(status);
    if (kind !== "sms_status") return [];
    if (code === DELIVERED_CODE) return { providerId, state: "delivered" as const, reason: null };
    return FAILED_CODES.has(code) ? { providerId, state: "undelivered" as const, reason: `not_delivered ${code}` } : [];
  });
}
