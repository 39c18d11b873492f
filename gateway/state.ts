import { setTimeout as wait } from "node:timers/promises";
import { Inbox, type Message } from "./inbox";
import type { Answer, Provider, ProviderRequest, Report } from "./provider";
import { type ProviderName, Switches } from "./switches";

/** The state that all providers share: their switches and the delivered messages. It also sends the delivery reports. */
export class GatewayState {
  readonly inbox = new Inbox();
  readonly #switches = new Map<ProviderName, Switches>();
  readonly #closed = new AbortController();

  switches(name: ProviderName): Switches {
    return this.#switches.get(name) ?? Switches.parse({});
  }

  /** Changes some of a provider's switches and returns all of its switches. Throws a `ZodError` that names an unknown switch or value. */
  set(name: ProviderName, changes: Record<string, unknown>): Switches {
    const changed = Switches.parse({ ...this.switches(name), ...changes });
    this.#switches.set(name, changed);
    return changed;
  }

  /** Sets all switches to their defaults and removes all messages. */
  reset(): void {
    this.#switches.clear();
    this.inbox.clear();
  }

  /** Answers a request to a provider as its switches say, and adds an accepted message to the inbox. Null means no answer at all. */
  async answer(provider: Provider, asked: ProviderRequest): Promise<Answer | null> {
    const { answer, delayMs } = this.switches(provider.name);
    if (answer === "silence") return null;
    await wait(delayMs, undefined, { ref: false });
    if (answer === "429") return provider.tooMany;
    if (answer === "500") return { status: 500, body: "Internal Server Error" };
    // The answer repeats the request, so that tests can show that a sender never logs a provider's answer.
    if (answer === "garbage") return { status: 200, body: `It works! ${asked.body}` };
    const reading = provider.read(asked);
    if ("wrong" in reading) return reading.wrong;
    if (answer === "refuse") return provider.refuse(reading);
    const id = provider.newId();
    const { to, text, asked: fields, callbackUrl } = reading;
    const message = this.inbox.add({ id, provider: provider.name, to, subject: "", text, asked: fields });
    void this.#report(provider, message, asked, callbackUrl);
    return provider.accept(id, reading, asked);
  }

  /** Cancels all delivery reports that have not been sent yet. */
  close(): void {
    this.#closed.abort();
  }

  async #report(
    provider: Provider,
    message: Message,
    asked: ProviderRequest,
    ownUrl: string | undefined,
  ): Promise<void> {
    const { report, reportDelayMs, callbackUrl } = this.switches(provider.name);
    const url = ownUrl ?? (provider.name === "smsru" ? callbackUrl : "");
    if (report === "none" || !provider.reports || !url) return;
    const signal = this.#closed.signal;
    try {
      await wait(reportDelayMs, undefined, { ref: false, signal });
    } catch {
      return;
    }
    const state = report === "forged" ? "delivered" : report;
    const { id, to } = message;
    for (const next of provider.reports(state, { id, to, url, isForged: report === "forged" }, asked)) {
      message.reports.push(`${report}: ${await postReport(next, signal)}`);
    }
  }
}

/** Sends a delivery report. Returns the status and the first 60 characters of the answer, or `unreachable`. */
async function postReport({ url, headers, body }: Report, signal: AbortSignal): Promise<string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
    });
    const text = await response.text();
    return `${response.status} ${text.slice(0, 60)}`.trim();
  } catch {
    return "unreachable";
  }
}
