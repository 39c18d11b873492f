import { randomInt } from "node:crypto";
import { E164_PATTERN, isWrongSecret, type Provider, readJson } from "./provider";

/** The Telegram Gateway (core.telegram.org/gateway/api). The text around the code is Telegram's. */
export const telegram: Provider = {
  name: "telegram",
  read: ({ path, headers, body }) => {
    // Upper and lower case are the same in the names of the API's methods.
    if (!/^\/sendVerificationMessage$/i.test(path)) return { wrong: errorAnswer("UNKNOWN_METHOD") };
    const [, token] = /^Bearer (.+)$/.exec(headers.get("authorization") ?? "") ?? [];
    if (isWrongSecret(token)) return { wrong: errorAnswer("ACCESS_TOKEN_INVALID") };
    const asked = readJson(body) ?? {};
    const { phone_number: to = "", code = "", ttl } = asked;
    if (!E164_PATTERN.test(to)) return { wrong: errorAnswer("PHONE_NUMBER_INVALID") };
    if (!/^\d{4,8}$/.test(code)) return { wrong: errorAnswer("CODE_INVALID") };
    if (ttl !== undefined && (Number(ttl) < 30 || Number(ttl) > 3600)) return { wrong: errorAnswer("TTL_INVALID") };
    return { to, text: `Your code: ${code}`, asked };
  },
  newId: () => String(randomInt(10 ** 10, 10 ** 14)),
  accept: (request_id, { to }) => ({
    status: 200,
    body: {
      ok: true,
      result: {
        request_id,
        phone_number: to,
        request_cost: 0.01,
        remaining_balance: 41.99,
        delivery_status: { status: "sent", updated_at: Math.floor(Date.now() / 1000) },
      },
    },
  }),
  refuse: () => errorAnswer("PHONE_NUMBER_NOT_FOUND"),
  tooMany: { status: 429, body: { ok: false, error: "FLOOD_WAIT_30" } },
};

const errorAnswer = (error: string) => ({ status: 200, body: { ok: false, error } });
