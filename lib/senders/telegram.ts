import { z } from "zod";
import { Amount, askProvider } from "./ask";
import { accepted, failed, refused, type Sender } from "./sender";

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
const CODE_PATTERN = /^\d{4,8}$/;
/** How long Telegram may take to deliver a message. The documentation says 30 to 3600 seconds, and said 60 to 3600 before. */
const TTL_S_LIMITS = { min: 60, max: 3600 };

/**
 * Sends codes by the Telegram Gateway (core.telegram.org/gateway/api) at `url` (without a slash at the end), in a message that
 * Telegram words. Telegram refuses a number that has no Telegram free of charge, and refunds a message that it could not deliver
 * in time.
 */
export function makeTelegramSender({ url, token }: { url: string; token: string }): Sender {
  return {
    send: async ({ to, code, ttlMs }, signal) => {
      if (!CODE_PATTERN.test(code)) return refused("CODE_LENGTH");
      const ttl = Math.min(Math.max(Math.ceil(ttlMs / 1000), TTL_S_LIMITS.min), TTL_S_LIMITS.max);
      const asked = await askProvider(
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

/** Returns the outcome for an error's name. Only `ACCESS_TOKEN_INVALID` is documented; other API clients name the rest. */
function outcomeOf(error: string) {
  // The seconds at the end of `FLOOD_WAIT_30` are cut off. Text that doesn't begin with such a name is not recorded.
  const name = /^[A-Z]{2,}(_[A-Z]+)*/.exec(error)?.[0].slice(0, 40) ?? "UNKNOWN";
  if (/^(ACCESS_TOKEN|BALANCE|SENDER)_/.test(name)) return failed("account", name);
  return name.startsWith("FLOOD_WAIT") ? failed("overloaded", name) : refused(name);
}
