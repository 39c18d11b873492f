import { isSameRecipient, type Recipient } from "./recipient";

/** Who asks, as limits count it. */
export interface Requester {
  /** An IPv4 address, or the first 64 bits of an IPv6 one. */
  network: string;
  /** What it calls itself (`User-Agent`), null when it doesn't. */
  agent: string | null;
  /**
   * A browser or application that has logged in here, by a random name in its sealed cookie or device token, and by what. It has codes sent by that; whether an
   * account takes it for its own is the database's to say.
   */
  browser: { id: string; recipients: readonly Recipient[] } | null;
}

/** Whether it is a browser that has logged in by this very phone or mailbox before. */
export function isRecognised({ browser }: Requester, recipient: Recipient): boolean {
  return browser?.recipients.some((known) => isSameRecipient(known, recipient)) ?? false;
}
