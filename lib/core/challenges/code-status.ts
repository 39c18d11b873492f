import type { Requester } from "@/lib/core/identity/requester";
import { TRIES_PER_CODE } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { findChallenge, statusOf } from "./challenge";
import { findCodeNeeds } from "./code-length";
import { type CodeDelivery, findCodeDelivery } from "./deliveries";
import type { ChallengeKey } from "./one-time-code";
import { waitMsFor } from "./resend-schedule";
import { sendWaitMs } from "./send-limits";

/** The status of the last code that a holder had sent to a recipient, as shown to the requester. */
export interface CodeStatus {
  state: ReturnType<typeof statusOf>;
  digits: number;
  sentAt: Date;
  triesUsed: number;
  triesLeft: number;
  expiresInMs: number;
  /** The time until the requester can request a new code; 0 means now. */
  resendInMs: number;
  /** What is known of the delivery of the last message that contained a code of this challenge. */
  delivery: CodeDelivery;
}

/** Returns the status of the challenge's code for this requester, or null if no code was sent. */
export async function getCodeStatus(
  key: ChallengeKey,
  requester: Requester,
  now = new Date(),
): Promise<CodeStatus | null> {
  const challenge = await findChallenge(readPrimary, key);
  if (!challenge) return null;
  const { recipient } = key;
  const [needs, ordinaryWait, delivery] = await Promise.all([
    findCodeNeeds(readPrimary, recipient, requester, now),
    sendWaitMs(readPrimary, key, requester, now),
    findCodeDelivery(readPrimary, recipient, challenge.deliveryAt),
  ]);
  const { needed } = needs;
  const sendWait = needs.fixedCode
    ? await sendWaitMs(readPrimary, key, requester, now, { isTest: true })
    : ordinaryWait;
  const { digits, sentAt, tries, expiresAt } = challenge;
  return {
    state: statusOf(challenge, needed, now),
    digits,
    sentAt,
    triesUsed: tries,
    triesLeft: Math.max(0, TRIES_PER_CODE - tries),
    expiresInMs: Math.max(0, expiresAt.getTime() - now.getTime()),
    resendInMs: sendWait.ownMs === 0 ? 0 : Math.max(waitMsFor(challenge, needs, requester, now), sendWait.sharedMs),
    delivery,
  };
}

/** Returns in how many milliseconds the requester can request a code if none was sent for this key yet; 0 means now. */
export async function getFirstWaitMs(key: ChallengeKey, requester: Requester, now = new Date()): Promise<number> {
  const { sharedMs, ownMs } = await sendWaitMs(readPrimary, key, requester, now);
  const waitMs = Math.min(sharedMs, ownMs ?? sharedMs);
  if (waitMs === 0 || !(await findCodeNeeds(readPrimary, key.recipient, requester, now)).fixedCode) return waitMs;
  return (await sendWaitMs(readPrimary, key, requester, now, { isTest: true })).sharedMs;
}
