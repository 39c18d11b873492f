import { createHmac, randomBytes } from "node:crypto";
import { type Answer, E164_PATTERN, FORM_TYPE, isWrongSecret, type Provider, readForm } from "./provider";

/** The path of the request that sends a message, with the account in it. */
const SEND_PATH = /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})\/Messages\.json$/i;

/** Twilio's Programmable Messaging (twilio.com/docs/messaging/api/message-resource) and its signed reports (twilio.com/docs/usage/security). */
export const twilio: Provider = {
  name: "twilio",
  read: ({ path, headers, body }) => {
    const [, account] = SEND_PATH.exec(path) ?? [];
    const [user, token] = readCredentials(headers);
    if (!account) return { wrong: errorAnswer(404, 20404, "The requested resource was not found") };
    if (user !== account || isWrongSecret(token)) return { wrong: errorAnswer(401, 20003, "Authenticate") };
    const fields = readForm(body);
    const { To: to = "", Body: text = "", StatusCallback: callbackUrl } = fields;
    if (!fields.From && !fields.MessagingServiceSid) return { wrong: errorAnswer(400, 21603, "A 'From' is required.") };
    if (!E164_PATTERN.test(to))
      return { wrong: errorAnswer(400, 21211, `The 'To' number ${to} is not a valid phone number.`) };
    if (!text) return { wrong: errorAnswer(400, 21602, "Message body is required.") };
    return { to, text, asked: fields, ...(callbackUrl && { callbackUrl }) };
  },
  newId: () => `SM${randomBytes(16).toString("hex")}`,
  accept: (sid, { to, text }, { path, body }) => {
    const fields = readForm(body);
    return {
      status: 201,
      body: {
        sid,
        account_sid: SEND_PATH.exec(path)?.[1],
        to,
        from: fields.From ?? null,
        messaging_service_sid: fields.MessagingServiceSid ?? null,
        body: text,
        status: fields.MessagingServiceSid ? "accepted" : "queued",
        direction: "outbound-api",
        num_segments: "1",
        price: null,
        price_unit: "USD",
        error_code: null,
        error_message: null,
        api_version: "2010-04-01",
      },
    };
  },
  refuse: ({ to }) => errorAnswer(400, 21610, `Attempt to send to unsubscribed recipient ${to}`),
  tooMany: errorAnswer(429, 20429, "Too Many Requests"),
  reports: (state, { id, to, url, isForged }, { path, headers, body }) =>
    ["sent", state].map((status) => {
      const { From } = readForm(body);
      const fields: Record<string, string> = {
        AccountSid: SEND_PATH.exec(path)?.[1] ?? "",
        ApiVersion: "2010-04-01",
        ...(From && { From }),
        MessageSid: id,
        MessageStatus: status,
        SmsSid: id,
        SmsStatus: status,
        To: to,
        ...(status === "undelivered" && { ErrorCode: "30003" }),
      };
      const [, token = ""] = readCredentials(headers);
      const signature = sign(isForged ? "another key" : token, url, fields);
      return {
        url,
        headers: { "Content-Type": FORM_TYPE, "X-Twilio-Signature": signature },
        body: new URLSearchParams(fields).toString(),
      };
    }),
};

/** Signs a report: HMAC-SHA1 of its address and its fields' names and values, in the order of the names. */
export function sign(token: string, url: string, fields: Record<string, string>): string {
  const names = Object.keys(fields).sort();
  const signed = [url, ...names.map((name) => name + fields[name])].join("");
  return createHmac("sha1", token).update(signed).digest("base64");
}

function readCredentials(headers: Headers): string[] {
  const [, encoded = ""] = /^Basic (.+)$/.exec(headers.get("authorization") ?? "") ?? [];
  return Buffer.from(encoded, "base64").toString().split(":");
}

function errorAnswer(status: number, code: number, message: string): Answer {
  return { status, body: { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status } };
}
