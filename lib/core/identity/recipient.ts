import { z } from "zod";
import { Email, formatEmail, withoutSubaddress } from "./email";
import { formatPhone, Phone } from "./phone";

/**
 * The phone or mailbox that a one-time code is sent to. A person who types the code proves to receive what is sent there. The
 * kind comes from the form field of the address, never from its spelling: `+79451234567@mail.example` is a mailbox.
 */
export const Recipient = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("phone"), address: Phone }),
  z.object({ kind: z.literal("email"), address: Email }),
]);
export type Recipient = z.output<typeof Recipient>;

/** Returns the phone as a recipient. */
export function phoneRecipient(address: Phone) {
  return { kind: "phone", address } as const;
}

/** Returns the mailbox as a recipient. */
export function emailRecipient(address: Email) {
  return { kind: "email", address } as const;
}

/** Returns the address for display, as `formatPhone` or `formatEmail` does. */
export function formatRecipient({ kind, address }: Recipient): string {
  return kind === "phone" ? formatPhone(address) : formatEmail(address);
}

/** Returns whether both are the same phone or the same mailbox. */
export function isSameRecipient(one: Recipient, other: Recipient): boolean {
  return one.kind === other.kind && one.address === other.address;
}

/**
 * Returns the subject under which limits and wrong codes are counted: the phone, or the mailbox without its subaddress, because
 * one person reads all subaddresses of a mailbox. Accounts differ by the whole address.
 */
export function limitSubject({ kind, address }: Recipient): string {
  return kind === "phone" ? address : withoutSubaddress(address);
}
