import { createHash, randomInt } from "node:crypto";
import { FORM_TYPE, isWrongSecret, type Provider, readForm, without } from "./provider";

/** SMS.ru's API (sms.ru/api/send) and its delivery reports (sms.ru/api/callback). */
export const smsru: Provider = {
  name: "smsru",
  read: ({ path, body }) => {
    const fields = readForm(body);
    if (path !== "/sms/send") return { wrong: requestError(211, "Метод не найден") };
    if (isWrongSecret(fields.api_id)) return { wrong: requestError(200, "Неправильный api_id") };
    const { to = "", msg: text = "", json } = fields;
    // Without `json=1` the real API answers in lines of text.
    if (json !== "1") return { wrong: { status: 200, body: "100\n000000-10000000\nbalance=4122.56" } };
    if (!/^[1-9]\d{6,14}$/.test(to)) return { wrong: messageError(to, 202, "Неправильно указан получатель") };
    if (!text) return { wrong: messageError(to, 203, "Нет текста сообщения") };
    return { to: `+${to}`, text, asked: without(fields, ["api_id"]) };
  },
  newId: () => `${randomInt(100_000, 1_000_000)}-${randomInt(10_000_000, 100_000_000)}`,
  accept: (sms_id, { to }) => messageAnswer(to.slice(1), { status: "OK", status_code: 100, sms_id, cost: "2.50" }),
  refuse: ({ to }) => messageError(to.slice(1), 207, "На этот номер нельзя отправлять сообщения"),
  tooMany: { status: 429, body: "Too Many Requests" },
  reports: (state, { id, url, isForged }, asked) => {
    const entry = ["sms_status", id, state === "delivered" ? 103 : 104, Math.floor(Date.now() / 1000)].join("\n");
    const apiId = isForged ? "another key" : (readForm(asked.body).api_id ?? "");
    const hash = createHash("sha256").update(`${apiId}${entry}`).digest("hex");
    const body = new URLSearchParams({ "data[0]": entry, hash }).toString();
    return [{ url, headers: { "Content-Type": FORM_TYPE }, body }];
  },
};

const requestError = (status_code: number, status_text: string) => ({
  status: 200,
  body: { status: "ERROR", status_code, status_text },
});

/** Makes the answer to a valid request. `message` says what became of the message to the phone `to`, which has no plus sign. */
const messageAnswer = (to: string, message: object) => ({
  status: 200,
  body: { status: "OK", status_code: 100, sms: { [to]: message }, balance: 4122.56 },
});

const messageError = (to: string, status_code: number, status_text: string) =>
  messageAnswer(to, { status: "ERROR", status_code, status_text });
