import { formatRecipient, type Recipient } from "@/lib/core/identity/recipient";

/** A phone or mailbox in a sentence. A phone stays in one piece; an address is broken where it must. */
export function RecipientText({ of }: { of: Recipient }) {
  return <span className={of.kind === "phone" ? "whitespace-nowrap" : "break-words"}>{formatRecipient(of)}</span>;
}
