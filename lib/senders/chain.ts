import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult, isBrokenCircuitError } from "cockatiel";
import { type Cost, type OutgoingMessage, type Sender, type Sending, unanswered } from "./sender";

/** How much patience there is with a sender. */
export interface Patience {
  /** How long a sender may take to accept a message. */
  timeoutMs: number;
  /** After so many failures in a row … */
  failuresMax: number;
  /** … it isn't asked for so long. Then one message tries it; the others go by until that one has gone through. */
  restMs: number;
}

/** A sender of a chain. */
export interface ChainSender {
  name: string;
  /** Whether the sender rests now: it takes no message then. */
  isResting: () => boolean;
  /** Resolves to null, at once, while the sender rests. */
  send: (message: OutgoingMessage) => Promise<Sending | null>;
}

/** A sender that didn't take the message, and why. */
export interface PassedOver {
  sender: string;
  outcome: "refused" | "failed" | "resting";
  /** As in `Sending`; what rests has none. */
  reason: string;
  mayBeSent?: true;
}

/** Who took a message, if anybody did, and who didn't before. */
export interface ChainSending {
  accepted: { sender: string; id: string | null; cost: Cost | null } | null;
  passedOver: PassedOver[];
}

/** Hears of each sender that was asked, or that rests, for the metrics. */
export type Report = (attempt: { sender: string; outcome: Sending["outcome"] | "resting" }) => void;

/**
 * Gives a sender its time-out and its rest. What it refuses is no failure: that a number can't be reached, which is
 * anybody's to ask for, says nothing of the sender, and shows that it is there.
 */
export function makePatient(name: string, sender: Sender, { timeoutMs, failuresMax, restMs }: Patience): ChainSender {
  const circuit = circuitBreaker(
    handleWhenResult((sending) => (sending as Sending).outcome === "failed"),
    { breaker: new ConsecutiveBreaker(failuresMax), halfOpenAfter: restMs },
  );
  let restsUntil = 0;
  circuit.onBreak(() => {
    restsUntil = performance.now() + restMs;
  });
  circuit.onReset(() => {
    restsUntil = 0;
  });
  return {
    name,
    isResting: () => performance.now() < restsUntil,
    send: async (message) => {
      // The library would have the others wait for the one that tries.
      if (circuit.state === CircuitState.HalfOpen) return null;
      try {
        return await circuit.execute(() => sendInTime(sender, message, timeoutMs));
      } catch (error) {
        if (isBrokenCircuitError(error)) return null;
        throw error;
      }
    },
  };
}

/** Whatever a sender does with its signal, the next one's turn comes when the time is over. */
async function sendInTime(sender: Sender, message: OutgoingMessage, timeoutMs: number): Promise<Sending> {
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
 * Offers a message to one sender after the other until one takes it: each is asked once, the next as soon as the last has
 * refused, failed or run out of time. One that has not answered may have taken the message all the same: then the same
 * code reaches the person twice, by two channels, is paid for twice, and works once.
 */
export async function sendByFirst(
  senders: readonly ChainSender[],
  message: OutgoingMessage,
  report: Report = () => undefined,
): Promise<ChainSending> {
  const passedOver: PassedOver[] = [];
  for (const { name: sender, send } of senders) {
    const sending = (await send(message)) ?? { outcome: "resting" as const, reason: "" };
    report({ sender, outcome: sending.outcome });
    if (sending.outcome === "accepted") {
      const { id, cost } = sending;
      return { accepted: { sender, id, cost }, passedOver };
    }
    passedOver.push({ sender, ...sending });
  }
  return { accepted: null, passedOver };
}
