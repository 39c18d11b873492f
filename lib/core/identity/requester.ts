import { isSameRecipient, type Recipient } from "./recipient";

/** Where a request comes from: its network, its browser if that is recognised, and its `User-Agent`. */
export interface Requester {
  /** An IPv4 address, or an IPv6 /64. */
  network: string;
  /** The `User-Agent` header; null if the request has no such header. */
  agent: string | null;
  /**
   * The browser or client application, if it has logged in here before; otherwise null. `id` is its random name, and
   * `recipients` are the phones and mailboxes that it has logged in with. Both come from its sealed cookie or device token, and
   * give it a limit of its own for codes to these recipients. They do not make it a trusted device.
   */
  browser: { id: string; recipients: readonly Recipient[] } | null;
}

/** Returns whether the requester's browser has logged in with this phone or mailbox before. */
export function isRecognised({ browser }: Requester, recipient: Recipient): boolean {
  return browser?.recipients.some((known) => isSameRecipient(known, recipient)) ?? false;
}
