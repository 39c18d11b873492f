import type { ProviderName } from "./switches";

/** A delivered message. */
export interface Message {
  /** The provider's id of the message. */
  id: string;
  provider: ProviderName;
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  /** The time of delivery, ISO 8601. */
  at: string;
  /** The fields of the request, by the names of the provider's API, without secrets. */
  asked: Record<string, string>;
  /** The delivery reports that were sent, each with its answer. */
  reports: string[];
}

/** How many messages are kept, so that a long load test doesn't fill the memory. */
const MESSAGES_MAX = 1000;

/** The delivered messages, newest first. */
export class Inbox {
  #messages: Message[] = [];

  add(message: Omit<Message, "at" | "reports">): Message {
    const kept = { ...message, at: new Date().toISOString(), reports: [] };
    this.#messages = [kept, ...this.#messages].slice(0, MESSAGES_MAX);
    return kept;
  }

  clear(): void {
    this.#messages = [];
  }

  /** Returns the messages to the phone or mailbox `to`, or all messages without it. */
  messages(to?: string | null): Message[] {
    return to ? this.#messages.filter((message) => message.to === to) : this.#messages;
  }
}
