import { z } from "zod";
import { Email, formatEmail, withoutSubaddress } from "./email";
import { formatPhone, Phone } from "./phone";

/**
 * Where a one-time code goes, and what typing it proves. Its kind is known from where the address was parsed, never from how
 * the address looks: `+79451234567@mail.example` is a mailbox.
 */
export const Recipient = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("phone"), address: Phone }),
  z.object({ kind: z.literal("email"), address: Email }),
]);
export type Recipient = z.output<typeof Recipient>;

/** The phone as a recipient. */
export function phoneRecipient(address: Phone) {
  return { kind: "phone", address } as const;
}

/** The mailbox as a recipient. */
export function emailRecipient(address: Email) {
  return { kind: "email", address } as const;
}

/** The address as people write it. */
export function formatRecipient({ kind, address }: Recipient): string {
  return kind === "phone" ? formatPhone(address) : formatEmail(address);
}

/** Whether both are the same phone, or the same mailbox. */
export function isSameRecipient(one: Recipient, other: Recipient): boolean {
  return one.kind === other.kind && one.address === other.address;
}

/**
 * What limits and wrong codes are counted by: the phone, or the mailbox without its subaddress, because all of a mailbox's
 * subaddresses are read by one person. As the identity of an account the whole address counts.
 */
export function limitSubject({ kind, address }: Recipient): string {
  return kind === "phone" ? address : withoutSubaddress(address);
}
