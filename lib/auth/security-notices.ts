import type { DelayedAction } from "@/lib/core/accounts/delayed-changes";
import type { ChangedIdentity } from "@/lib/core/accounts/replace-identity";
import type { Email } from "@/lib/core/identity/email";
import type { Requester } from "@/lib/core/identity/requester";
import { notifyAccount, notifyMailboxes, notifyOfNewDevice } from "@/lib/core/sessions/security-notices";
import type { Session } from "@/lib/core/sessions/sessions";
import { afterAnswer } from "./after-answer";

/**
 * Mails the account of `session` that a new device has signed in, if `requester`'s device is new to it. Like every notice of
 * this file, it is sent after the response, so that no request waits for the mail or fails with it.
 */
export function notifySignIn(session: Session, requester: Requester): void {
  afterAnswer(() => notifyOfNewDevice(session, requester));
}

/** Mails `mailboxes` (the account's mailboxes before and after the change) that its phone or mailbox was changed at `at`. */
export function notifyChange({ name, was, mailboxes }: ChangedIdentity, at = new Date()): void {
  afterAnswer(() => notifyMailboxes(mailboxes, { name, was, at }));
}

/** Mails `email` that its account was deleted at `at`. Does nothing for an account without a mailbox. */
export function notifyDeletion(email: Email | null, at = new Date()): void {
  if (email) afterAnswer(() => notifyMailboxes([email], { name: "account_deleted", at }));
}

/** Mails the account of `session` that `requester` asked at `at` for the delayed change `what`, which can be cancelled until `dueAt`. */
export function notifyDelayedChange(
  { userId }: Session,
  request: { what: DelayedAction; dueAt: Date; requester: Requester },
  at = new Date(),
): void {
  afterAnswer(() => notifyAccount(userId, { name: "change_requested", ...request, at }));
}
