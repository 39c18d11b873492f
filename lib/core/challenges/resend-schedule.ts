import type { Requester } from "@/lib/core/identity/requester";
import { CLOCK_SKEW_MS_MAX, RESEND_AFTER_MS, RESEND_WINDOW_MS } from "@/lib/core/policy";
import type { Challenge } from "./challenge";
import type { CodeNeeds } from "./code-length";

/**
 * Returns whether the challenge's resend schedule is running. A schedule whose beginning is in the future does not count: it
 * was written by a clock that ran ahead.
 */
export function isInSchedule({ sends, sendsSince }: Pick<Challenge, "sends" | "sendsSince">, now: Date): boolean {
  const ageMs = now.getTime() - sendsSince.getTime();
  return sends > 0 && ageMs < RESEND_WINDOW_MS && ageMs >= -CLOCK_SKEW_MS_MAX;
}

/**
 * Returns in how many milliseconds the next code can be sent; 0 means now. There is no wait if the last code has fewer digits
 * than `needed`.
 */
export function resendWaitMs(last: Challenge, needed: number, now: Date): number {
  const { sends, sentAt, digits } = last;
  const isOutgrown = digits > 0 && digits < needed;
  if (isOutgrown || !isInSchedule(last, now)) return 0;
  // A `sentAt` so far in the future was written by a clock that ran ahead. It causes no wait, because the wait would be too long.
  if (sentAt.getTime() - now.getTime() > CLOCK_SKEW_MS_MAX) return 0;
  const waitMs = RESEND_AFTER_MS[Math.min(sends, RESEND_AFTER_MS.length) - 1] ?? 0;
  return Math.max(0, sentAt.getTime() + waitMs - now.getTime());
}

/**
 * Returns in how many milliseconds this requester can have the next code sent, as `resendWaitMs` does. For a test number only the
 * network that requested the last code has to wait. An application shares one challenge with all others that use the number, so
 * strangers who request codes would otherwise keep a reviewer waiting.
 */
export function waitMsFor(
  last: Challenge,
  { needed, fixedCode }: CodeNeeds,
  { network }: Pick<Requester, "network">,
  now: Date,
): number {
  return fixedCode !== null && last.network !== network ? 0 : resendWaitMs(last, needed, now);
}
