import { EventEmitter, once } from "node:events";
import type { ProviderName } from "./switches";

/** A message as the telephone or the mailbox has it. */
export interface Message {
  /** The provider's name for it. */
  id: string;
  provider: ProviderName;
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  /** ISO 8601. */
  at: string;
  /** What was asked of the provider, by the names of its own interface, without secrets. */
  asked: Record<string, string>;
  /** What was reported of it, and how that was answered. */
  reports: string[];
}

/** So many are kept; a long load test must not fill the memory. */
const MESSAGES_MAX = 1000;

/** What has come, newest first. */
export class Inbox {
  #messages: Message[] = [];
  readonly #news = new EventEmitter().setMaxListeners(0);

  add(message: Omit<Message, "at" | "reports">): Message {
    const kept = { ...message, at: new Date().toISOString(), reports: [] };
    this.#messages = [kept, ...this.#messages].slice(0, MESSAGES_MAX);
    this.#news.emit("change");
    return kept;
  }

  noteReport(message: Message, report: string): void {
    message.reports.push(report);
    this.#news.emit("change");
  }

  clear(): void {
    this.#messages = [];
    this.#news.emit("change");
  }

  /** All, or those to one phone or mailbox. */
  messages(to?: string | null): Message[] {
    return to ? this.#messages.filter((message) => message.to === to) : this.#messages;
  }

  /** Calls `hear` at every change until `signal` ends it. */
  watch(hear: () => void, signal: AbortSignal): void {
    this.#news.on("change", hear);
    signal.addEventListener("abort", () => this.#news.off("change", hear), { once: true });
  }

  /** The newest message to somebody, waited for when there is none yet; rejects when `signal` ends that. */
  async waitFor(to: string, signal: AbortSignal): Promise<Message> {
    for (;;) {
      const [newest] = this.messages(to);
      if (newest) return newest;
      await once(this.#news, "change", { signal });
    }
  }
}
