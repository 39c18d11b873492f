import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult, isBrokenCircuitError } from "cockatiel";
import { type Cost, type OutgoingCodeMessage, type Sender, type Sending, unanswered } from "./sender";

/** How long the chain waits for a sender, and when the sender rests: it gets no messages for a while after failures. */
export interface SenderLimits {
  /** How long a sender may take to accept a message. */
  timeoutMs: number;
  /** The number of failures in a row after which the sender rests. */
  failuresMax: number;
  /** How long the sender rests. Then one message tries the sender, and others skip it until that message was accepted. */
  restMs: number;
  /** Called with the sender's name each time it begins to rest, also when the message that tried it failed. */
  onRest?: (sender: string) => void;
}

/** A sender with its name, time-out and circuit breaker, as a chain uses it. */
export interface ChainSender {
  name: string;
  /** How long the sender still rests, and so takes no message; 0 if it does not rest. */
  restLeftMs: () => number;
  /** Resolves to what became of the message; to null while the sender rests. A failure of the provider never throws. */
  send: (message: OutgoingCodeMessage) => Promise<Sending | null>;
  /** As `send`, also while the sender rests. The outcome neither ends the rest nor counts as one of the failures before it. */
  sendDespiteRest: (message: OutgoingCodeMessage) => Promise<Sending>;
}

/**
 * The sender that accepted a message (null when all have failed), and the senders before it with the reason why each did not
 * accept the message (as in `Sending`; empty for a sender that rests).
 */
export interface ChainSending {
  accepted: { sender: string; id: string | null; cost: Cost | null } | null;
  passedOver: { sender: string; outcome: "refused" | "failed" | "resting"; reason: string; mayBeSent?: true }[];
}

/**
 * Adds a time-out and a circuit breaker to a sender. A refusal is not a failure: strangers choose the numbers, and a provider that
 * refuses a number is working.
 */
export function withCircuitBreaker(
  name: string,
  sender: Sender,
  { timeoutMs, failuresMax, restMs, onRest }: SenderLimits,
): ChainSender {
  const circuit = circuitBreaker(
    handleWhenResult((sending) => (sending as Sending).outcome === "failed"),
    { breaker: new ConsecutiveBreaker(failuresMax), halfOpenAfter: restMs },
  );
  let restsUntil = 0;
  circuit.onBreak(() => {
    restsUntil = performance.now() + restMs;
    onRest?.(name);
  });
  circuit.onReset(() => {
    restsUntil = 0;
  });
  return {
    name,
    restLeftMs: () => Math.max(0, restsUntil - performance.now()),
    send: async (message) => {
      // While one message tries the sender, the library would let others wait; they skip the sender instead.
      if (circuit.state === CircuitState.HalfOpen) return null;
      try {
        return await circuit.execute(() => sendInTime(sender, message, timeoutMs));
      } catch (error) {
        if (isBrokenCircuitError(error)) return null;
        throw error;
      }
    },
    sendDespiteRest: (message) => sendInTime(sender, message, timeoutMs),
  };
}

const NEVER_ABORTED_SIGNAL = new AbortController().signal;

/** Makes a channel of a sender that can neither hang nor fail for long. It gets neither a time-out nor a circuit breaker. */
export function withoutCircuitBreaker(name: string, sender: Sender): ChainSender {
  const send = (message: OutgoingCodeMessage) => sender.send(message, NEVER_ABORTED_SIGNAL);
  return { name, restLeftMs: () => 0, send, sendDespiteRest: send };
}

/** Resolves after `timeoutMs` at the latest, even if the sender ignores its signal. */
async function sendInTime(sender: Sender, message: OutgoingCodeMessage, timeoutMs: number): Promise<Sending> {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Sending>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort();
      resolve(unanswered("timeout"));
    }, timeoutMs);
  });
  try {
    return await Promise.race([sender.send(message, deadline.signal), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Offers a message to the senders in their order, each once, until one accepts it. The next sender is asked as soon as the one
 * before has refused, failed or timed out. A sender that has not answered may have taken the message: the same code then
 * arrives twice, by two channels, is paid for twice, and works once. A failure of a provider never throws. `onAttempt` is called
 * for each sender that was asked or skipped.
 */
export async function deliverThroughChain(
  senders: readonly ChainSender[],
  message: OutgoingCodeMessage,
  onAttempt: (attempt: { sender: string; outcome: Sending["outcome"] | "resting" }) => void = () => undefined,
): Promise<ChainSending> {
  const passedOver: ChainSending["passedOver"] = [];
  for (const { name: sender, send } of senders) {
    const sending = (await send(message)) ?? { outcome: "resting" as const, reason: "" };
    onAttempt({ sender, outcome: sending.outcome });
    if (sending.outcome === "accepted") {
      const { id, cost } = sending;
      return { accepted: { sender, id, cost }, passedOver };
    }
    passedOver.push({ sender, ...sending });
  }
  return { accepted: null, passedOver };
}
