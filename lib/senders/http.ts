import { askProvider } from "./ask";
import { accepted, failed, refused, type Sender } from "./sender";

interface HttpSettings {
  url: string;
  /** The body: JSON if it begins with `{` or `[`, else a form. `{phone}`, `{digits}`, `{text}` and `{code}` are replaced. */
  body: string;
  headers: Record<string, string>;
}

/** Statuses that say the credentials or the address are wrong, so that no message would be accepted. */
const ACCOUNT_STATUSES = [401, 402, 403, 404, 405, 407];

/** Sends by any gateway that takes a message in one POST and answers by its status whether it accepted the message. */
export function makeHttpSender({ url, body, headers }: HttpSettings): Sender {
  const allHeaders = new Headers({
    "Content-Type": isJson(body) ? "application/json" : "application/x-www-form-urlencoded",
  });
  for (const [name, value] of Object.entries(headers)) allHeaders.set(name, value);
  return {
    send: async ({ to, text, code }, signal) => {
      const filled = fillIn(body, { phone: to, digits: to.replace("+", ""), text, code });
      const asked = await askProvider({ url, headers: allHeaders, body: filled, shape: null }, signal);
      if (asked.sending) return asked.sending;
      const { status } = asked;
      if (status >= 200 && status < 300) return accepted();
      return ACCOUNT_STATUSES.includes(status) ? failed("account", status) : refused(status);
    },
  };
}

function isJson(body: string): boolean {
  return /^\s*[[{]/.test(body);
}

/** Replaces the placeholders by the values, escaped for JSON or for a form. */
function fillIn(body: string, values: Record<string, string>): string {
  const write = isJson(body) ? (value: string) => JSON.stringify(value).slice(1, -1) : encodeURIComponent;
  return body.replace(/\{(phone|digits|text|code)\}/g, (_, name: string) => write(values[name] ?? ""));
}
