import { isSameRecipient, type Recipient } from "./recipient";

/** Where a request comes from, as far as limits need to know. */
export interface Requester {
  /** An IPv4 address, or the first 64 bits of an IPv6 one. */
  network: string;
  /** The `User-Agent` header; null if the request has no such header. */
  agent: string | null;
  /**
   * The browser or client application, if it has logged in here before: its random name and the phones and mailboxes that
   * it has logged in with. Both come from its sealed cookie or device token. They give it a limit of its own for codes to
   * these recipients. Whether it is a trusted device of an account is stored in the database.
   */
  browser: { id: string; recipients: readonly Recipient[] } | null;
}

/** Returns whether the requester's browser has logged in with this phone or mailbox before. */
export function isRecognised({ browser }: Requester, recipient: Recipient): boolean {
  return browser?.recipients.some((known) => isSameRecipient(known, recipient)) ?? false;
}
