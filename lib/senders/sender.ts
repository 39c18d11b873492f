/** A message and its recipient. */
export interface Message {
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

/** A message with a code. A provider that words its messages itself gets only the code. */
export interface CodeMessage extends Message {
  code: string;
}

/** A message with a code, and what providers need besides. */
export interface OutgoingCodeMessage extends CodeMessage {
  /** How long the code is good. A message that arrives later is useless. */
  ttlMs: number;
  /** The requester's IP address, for providers that limit floods; null when it isn't known. */
  requesterAddress: string | null;
}

/**
 * What became of a message.
 * - `accepted`: the provider took it, with its own `id` for it.
 * - `refused`: the provider doesn't take this message or this number. The next message may be taken.
 * - `failed`: the provider is broken, unreachable, or our account there is wrong, so the next message would fail as well. With
 *   `mayBeSent` the provider may have taken the message, and there is no way to find out.
 *
 * A reason is a short name of ours with the provider's code (`not_taken 207`). It holds nothing of the message.
 */
export type Sending =
  | { outcome: "accepted"; id: string | null; cost: Cost | null }
  | { outcome: "refused"; reason: string }
  | Failed;

type Failed = { outcome: "failed"; reason: string; mayBeSent?: true };

/** The cost of a message, if the provider's answer states it. */
export interface Cost {
  amount: number;
  /** ISO 4217. */
  currency: string;
}

/** One way to send codes: by a provider, a mail server or the console. */
export interface Sender {
  /** Resolves to what became of the message, and gives up when `signal` aborts. A failure of the provider never throws. */
  send: (message: OutgoingCodeMessage, signal: AbortSignal) => Promise<Sending>;
}

/** A sender for messages of any content. */
export interface MessageSender extends Sender {
  send: (message: Message, signal: AbortSignal) => Promise<Sending>;
}

/** The provider accepted the message. `id` and `cost` are null if the provider doesn't state them. */
export const accepted = (id: string | null = null, cost: Cost | null = null): Sending => ({
  outcome: "accepted",
  id,
  cost,
});

/** The provider doesn't take this message; `code` is its own code for the reason. */
export const refused = (code: string | number): Sending => ({ outcome: "refused", reason: `not_taken ${code}` });

/** The provider failed, or our account there is wrong (`account`). `code` is the provider's own code, or the status. */
export const failed = (name: Fault, code?: string | number): Failed => ({
  outcome: "failed",
  reason: `${name} ${code ?? ""}`.trim(),
});

/** The provider gave no readable answer, so it may have taken the message. */
export const unanswered = (name: Fault, code?: string | number): Failed => ({ ...failed(name, code), mayBeSent: true });

type Fault = "timeout" | "unreachable" | "overloaded" | "server_error" | "redirected" | "garbage" | "account";
