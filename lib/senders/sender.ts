/** Words, and where to. */
export interface Message {
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

/** A code, and for channels with room for them the words around it. */
export interface CodeMessage extends Message {
  code: string;
}

/** A message on its way out, with what a provider wants to know of it besides. */
export interface OutgoingMessage extends CodeMessage {
  /** How long the code is good: nobody needs it any later. */
  ttlMs: number;
  /** The address of whoever asked for the code, for providers that watch for floods; null when it isn't known. */
  requesterAddress: string | null;
}

/**
 * What became of a message. `refused`: the provider doesn't take this message or this number, which says nothing of the
 * next one. `failed`: the provider is at fault, unreachable, or on no good terms with us, and the next one would fail as
 * well; with `mayBeSent` it may have taken the message all the same, and nobody can ask it. A reason is a short name of
 * ours and the provider's own code (`not_taken 207`), and nothing of the message.
 */
export type Sending =
  | { outcome: "accepted"; id: string | null; cost: Cost | null }
  | { outcome: "refused"; reason: string }
  | Failed;

type Failed = { outcome: "failed"; reason: string; mayBeSent?: true };

/** What a message costs, where the provider tells. */
export interface Cost {
  amount: number;
  /** ISO 4217. */
  currency: string;
}

/** How a code reaches a person. */
export interface Sender {
  /** Resolves when the channel has accepted the message, or hasn't; gives up when `signal` says so. */
  send: (message: OutgoingMessage, signal: AbortSignal) => Promise<Sending>;
}

/** A mail sender that carries any words. */
export interface MessageSender extends Sender {
  send: (message: Message, signal: AbortSignal) => Promise<Sending>;
}

/** The message was accepted, under the provider's name for it and at the cost that the provider tells, if it does. */
export const accepted = (id: string | null = null, cost: Cost | null = null): Sending => ({
  outcome: "accepted",
  id,
  cost,
});

/** The provider doesn't take this message, and has a code of its own for why. */
export const refused = (code: string | number): Sending => ({ outcome: "refused", reason: `not_taken ${code}` });

/** It is the provider that fails, or our account there (`account`); `code` is the provider's own, or the status. */
export const failed = (name: Fault, code?: string | number): Failed => ({
  outcome: "failed",
  reason: `${name} ${code ?? ""}`.trim(),
});

/** What was asked and not answered, or not so that anybody could read it: the message may be on its way. */
export const unanswered = (name: Fault, code?: string | number): Failed => ({ ...failed(name, code), mayBeSent: true });

type Fault = "timeout" | "unreachable" | "overloaded" | "server_error" | "redirected" | "garbage" | "account";
