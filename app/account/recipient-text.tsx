import { formatRecipient, type Recipient } from "@/lib/core/identity/recipient";

/** Shows a phone or mailbox within a sentence. A phone is not broken at the end of a line; a mailbox may be. */
export function RecipientText({ of }: { of: Recipient }) {
  return <span className={of.kind === "phone" ? "whitespace-nowrap" : "break-words"}>{formatRecipient(of)}</span>;
}
