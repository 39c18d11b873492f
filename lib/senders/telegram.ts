import { z } from "zod";
import { Amount, ask } from "./ask";
import { accepted, failed, refused, type Sender } from "./sender";

export interface TelegramSettings {
  /** Where the API is, without a slash at the end. */
  url: string;
  token: string;
}

const Answer = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    result: z.object({
      request_id: z.string().min(1).max(100),
      request_cost: Amount,
    }),
  }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

/** The codes that Telegram accepts: 4 to 8 digits. */
const CODE = /^\d{4,8}$/;
/** Seconds. The documentation allows 30 to 3600; an earlier version of it began at 60. */
const TTL_S = { min: 60, max: 3600 };

/**
 * Sends codes by the Telegram Gateway (core.telegram.org/gateway/api), in Telegram's own words. Telegram refuses a number without
 * Telegram free of charge, and refunds a message that it could not deliver while the code was good.
 */
export function makeTelegramSender({ url, token }: TelegramSettings): Sender {
  return {
    send: async ({ to, code, ttlMs }, signal) => {
      if (!CODE.test(code)) return refused("CODE_LENGTH");
      const ttl = Math.min(Math.max(Math.ceil(ttlMs / 1000), TTL_S.min), TTL_S.max);
      const asked = await ask(
        {
          url: `${url}/sendVerificationMessage`,
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          body: JSON.stringify({ phone_number: to, code, ttl }),
          shape: Answer,
        },
        signal,
      );
      if (asked.sending) return asked.sending;
      const { answer } = asked;
      if (!answer.ok) return outcomeOf(answer.error);
      const { request_id, request_cost } = answer.result;
      // The documentation names no currency. The price list is in dollars.
      return accepted(request_id, request_cost === undefined ? null : { amount: request_cost, currency: "USD" });
    },
  };
}

/** The documentation names only the error `ACCESS_TOKEN_INVALID`; the others are taken from clients of the API. */
function outcomeOf(error: string) {
  // `FLOOD_WAIT_30` ends with seconds, which are cut off. Text that is not such a name is not recorded.
  const name = /^[A-Z]{2,}(_[A-Z]+)*/.exec(error)?.[0].slice(0, 40) ?? "UNKNOWN";
  if (/^(ACCESS_TOKEN|BALANCE|SENDER)_/.test(name)) return failed("account", name);
  return name.startsWith("FLOOD_WAIT") ? failed("overloaded", name) : refused(name);
}
