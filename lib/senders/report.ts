import { createHash, timingSafeEqual } from "node:crypto";

/** What became of a message that a provider had accepted, in its last word. */
export interface Report {
  /** The provider's own name for the message. */
  providerId: string;
  state: "delivered" | "undelivered";
  /** As in `Sending`. */
  reason: string | null;
}

/** Compares what somebody sent with what only its sender and we can know, in constant time. */
export function isSame(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
