import type { DelayedAction } from "@/lib/core/accounts/delayed-changes";
import type { ChangedIdentity } from "@/lib/core/accounts/replace-identity";
import type { Email } from "@/lib/core/identity/email";
import type { Requester } from "@/lib/core/identity/requester";
import { tellOfChange, tellOfDeletion, tellOfNewDevice, tellOfRequest } from "@/lib/core/sessions/security-notices";
import type { Session } from "@/lib/core/sessions/sessions";
import { afterAnswer } from "./after-answer";

/** Tells the account by mail of a sign-in from a new device, once the answer is out: no login waits for it or fails by it. */
export function notifySignIn(session: Session, requester: Requester): void {
  afterAnswer(() => tellOfNewDevice(session, requester));
}

/** Tells the mailboxes that the account has, or had until now, that its phone or mailbox is another one. */
export function notifyChange({ name, was, mailboxes }: ChangedIdentity, at = new Date()): void {
  afterAnswer(() => tellOfChange(mailboxes, { name, was, at }));
}

/** Tells the mailbox of an account, where it had one, that the account is deleted. */
export function notifyDeletion(email: Email | null, at = new Date()): void {
  if (email) afterAnswer(() => tellOfDeletion(email, at));
}

/** Tells the account by mail of a change that takes effect later, for it can be cancelled until then. */
export function notifyRequest(
  { userId }: Session,
  request: { what: DelayedAction; dueAt: Date; requester: Requester },
  at = new Date(),
): void {
  afterAnswer(() => tellOfRequest(userId, { ...request, at }));
}
