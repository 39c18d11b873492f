import { randomInt } from "node:crypto";
import { isWrongSecret, type Provider, readForm, without } from "./provider";

/** SMSC's API (smsc.ru/api/http/send). */
export const smsc: Provider = {
  name: "smsc",
  read: ({ path, body }) => {
    const fields = readForm(body);
    if (path !== "/sys/send.php") return { wrong: { status: 404, body: "Not Found" } };
    // Without `fmt=3` the real API answers in a line of text.
    if (fields.fmt !== "3") return { wrong: { status: 200, body: "OK - 1 SMS, ID - 1" } };
    const { phones = "", mes: text = "", charset } = fields;
    if (isWrongSecret(fields.login) || isWrongSecret(fields.psw)) return { wrong: errorAnswer(2, "authorise error") };
    if (!text || charset !== "utf-8") return { wrong: errorAnswer(1, "parameters error") };
    if (!/^\+?[1-9]\d{6,14}$/.test(phones)) return { wrong: errorAnswer(7, "invalid number") };
    return { to: `+${phones.replace("+", "")}`, text, asked: without(fields, ["login", "psw"]) };
  },
  newId: () => String(randomInt(1, 2 ** 31)),
  accept: (id, _, { body }) => ({
    status: 200,
    body: { id: Number(id), cnt: 1, ...(/^[23]$/.test(readForm(body).cost ?? "") && { cost: "4.5" }) },
  }),
  refuse: () => errorAnswer(8, "message can't be delivered"),
  tooMany: { status: 429, body: "Too Many Requests" },
};

const errorAnswer = (error_code: number, error: string) => ({ status: 200, body: { error, error_code } });
