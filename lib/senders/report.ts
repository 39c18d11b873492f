import { createHash, timingSafeEqual } from "node:crypto";

/** The final state of a message that a provider had accepted, as the provider reports it. */
export interface DeliveryReport {
  providerId: string;
  state: "delivered" | "undelivered";
  /** `not_delivered` and the provider's code; null if the provider reports no code. */
  reason: string | null;
}

/** Compares a signature or hash with the expected one in constant time; their lengths may differ. */
export function equalInConstantTime(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
