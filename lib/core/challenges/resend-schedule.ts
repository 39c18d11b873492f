import { RESEND_AFTER_MS, RESEND_WINDOW_MS } from "@/lib/core/policy";
import { CLOCK_SKEW_MS_MAX } from "@/lib/db/database";

/** When the last code was sent, how many digits it has, and how many codes were sent since `sendsSince`. */
export interface Sends {
  sends: number;
  sendsSince: Date;
  sentAt: Date;
  digits: number;
}

/** Whether the sends are of a schedule that is under way. One that begins later was begun by a clock that ran ahead. */
export function isInSchedule({ sends, sendsSince }: Pick<Sends, "sends" | "sendsSince">, now: Date): boolean {
  const ageMs = now.getTime() - sendsSince.getTime();
  return sends > 0 && ageMs < RESEND_WINDOW_MS && ageMs >= -CLOCK_SKEW_MS_MAX;
}

/** How many milliseconds until the next code may be sent; 0 is now. There is no wait before a longer code than the last. */
export function resendWaitMs(last: Sends, needed: number, now: Date): number {
  const { sends, sentAt, digits } = last;
  const isOutgrown = digits > 0 && digits < needed;
  if (isOutgrown || !isInSchedule(last, now)) return 0;
  // Written by a clock that ran ahead.
  if (sentAt.getTime() - now.getTime() > CLOCK_SKEW_MS_MAX) return 0;
  const waitMs = RESEND_AFTER_MS[Math.min(sends, RESEND_AFTER_MS.length) - 1] ?? 0;
  return Math.max(0, sentAt.getTime() + waitMs - now.getTime());
}
