import { ask } from "./ask";
import { accepted, failed, refused, type Sender } from "./sender";

export interface HttpSettings {
  url: string;
  /** What is posted: JSON if it looks like it, otherwise a form, with `{phone}`, `{digits}`, `{text}` and `{code}` in it. */
  body: string;
  headers: Record<string, string>;
}

/** The statuses by which a gateway says that it doesn't know us, or the address: so no message would be taken. */
const ACCOUNT_STATUSES = [401, 402, 403, 404, 405, 407];

/** Any gateway that takes a message by one POST, and says by its status whether it did. */
export function makeHttpSender({ url, body, headers }: HttpSettings): Sender {
  const allHeaders = new Headers({
    "Content-Type": isJson(body) ? "application/json" : "application/x-www-form-urlencoded",
  });
  for (const [name, value] of Object.entries(headers)) allHeaders.set(name, value);
  return {
    send: async ({ to, text, code }, signal) => {
      const filled = fillIn(body, { phone: to, digits: to.replace("+", ""), text, code });
      const asked = await ask({ url, headers: allHeaders, body: filled, shape: null }, signal);
      if (asked.sending) return asked.sending;
      const { status } = asked;
      if (status >= 200 && status < 300) return accepted();
      return ACCOUNT_STATUSES.includes(status) ? failed("account", status) : refused(status);
    },
  };
}

/** Whether a body is meant as JSON. */
function isJson(body: string): boolean {
  return /^\s*[[{]/.test(body);
}

/** Puts the values in their places, once, written as the body's kind wants it. */
function fillIn(body: string, values: Record<string, string>): string {
  const write = isJson(body) ? (value: string) => JSON.stringify(value).slice(1, -1) : encodeURIComponent;
  return body.replace(/\{(phone|digits|text|code)\}/g, (_, name: string) => write(values[name] ?? ""));
}
