import { z } from "zod";
import { Amount, askProvider } from "./ask";
import { accepted, failed, refused, type Sender } from "./sender";

const Answer = z.union([
  z.object({ error_code: z.coerce.number().int().min(0).max(999) }),
  z.object({
    id: z.union([z.int(), z.string().max(64)]).transform(String),
    cnt: z.coerce.number(),
    cost: Amount,
  }),
]);

/**
 * Errors of the account or the request, not of one message (smsc.ru/api/http/send): parameters, credentials, money, our address
 * blocked after many errors, a wrong date.
 */
const ACCOUNT_CODES = new Set([1, 2, 3, 4, 5]);

/** The parameters that ask for an answer in JSON with the cost. */
const AS_JSON = { fmt: "3", cost: "2", charset: "utf-8" };

/**
 * Sends SMS by SMSC (smsc.ru/api/http/send), whose API is at `url` (without a slash at the end). The answer names no currency;
 * accounts at smsc.ru are in roubles.
 */
export function makeSmscSender({ url, login, password }: Record<"url" | "login" | "password", string>): Sender {
  return {
    send: async ({ to, text }, signal) => {
      const body = new URLSearchParams({ login, psw: password, phones: to, mes: text, ...AS_JSON });
      const asked = await askProvider({ url: `${url}/sys/send.php`, body, shape: Answer }, signal);
      if (asked.sending) return asked.sending;
      const { answer } = asked;
      if ("id" in answer) {
        return accepted(answer.id, answer.cost === undefined ? null : { amount: answer.cost, currency: "RUB" });
      }
      return ACCOUNT_CODES.has(answer.error_code) ? failed("account", answer.error_code) : refused(answer.error_code);
    },
  };
}
