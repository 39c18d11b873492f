import type { ChangedIdentity } from "@/lib/core/identity-change";
import { tellOfChange, tellOfNewDevice } from "@/lib/core/notices";
import type { Requester } from "@/lib/core/requester";
import type { Session } from "@/lib/core/sessions";
import { afterAnswer } from "./after-answer";

/** Tells the account by mail of a sign-in from a new device, once the answer is out: no login waits for it or fails by it. */
export function announceSignIn(session: Session, by: Requester): void {
  afterAnswer(() => tellOfNewDevice(session, by));
}

/** Tells the mailboxes that the account has, or had until now, that its phone or mailbox is another one. */
export function announceChange({ name, was, mailboxes }: ChangedIdentity, at = new Date()): void {
  afterAnswer(() => tellOfChange(mailboxes, { name, was, at }));
}
