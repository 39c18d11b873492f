import { randomUUID } from "node:crypto";
import { E164_PATTERN, isWrongSecret, type Provider, readForm, readJson } from "./provider";

/** The API of the sender `http`: takes a phone as `to` or `phone` and a `text`, in a form or in JSON, and answers by the HTTP status. */
export const anyHttp: Provider = {
  name: "http",
  read: ({ headers, body }) => {
    const authorization = headers.get("authorization");
    if (authorization !== null && isWrongSecret(authorization)) return { wrong: { status: 401, body: "Who are you?" } };
    const asked = headers.get("content-type")?.startsWith("application/json") ? readJson(body) : readForm(body);
    const { to = "", phone = to, text = "" } = asked ?? {};
    const recipient = `+${phone.replace("+", "")}`;
    if (!asked || !text || !E164_PATTERN.test(recipient)) return { wrong: { status: 400, body: "No message" } };
    return { to: recipient, text, asked };
  },
  newId: randomUUID,
  accept: () => ({ status: 200, body: "OK" }),
  refuse: () => ({ status: 422, body: "Not this number" }),
  tooMany: { status: 429, body: "Too Many Requests" },
};
