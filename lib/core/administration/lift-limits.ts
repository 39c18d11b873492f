import { recordEvent } from "@/lib/core/accounts/audit-log";
import { resetSendLimits } from "@/lib/core/challenges/send-limits";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { RESEND_AFTER_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Writer, write } from "@/lib/db/database";
import { type Administrator, lockAdministrator, lockForChange, mayChange } from "./actor";
import { type Act, type ActFailure, findActFailure, type Reason, recordAct } from "./acts";
import { findRecipient } from "./recipients";

/**
 * Lets a person request a code now: ends the wait after their last codes, and starts the limits of codes to their phone and
 * mailbox again, also those of the networks and browsers that the account or its requests of the last day came from. Limits of
 * wrong codes stay, because they protect the account. Fails with an `ActFailure`.
 */
export async function liftLimits(
  administrator: Administrator,
  act: Act,
  now = new Date(),
): Promise<Result<null, ActFailure>> {
  const failure = findActFailure(administrator, act.userId, now);
  if (failure) return fail(failure);
  const { userId } = act;
  return write(async (tx): Promise<Result<null, ActFailure>> => {
    const user = await tx.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
    const recipients = [
      user?.phone ? phoneRecipient(user.phone as Phone) : [],
      user?.email ? emailRecipient(user.email as Email) : [],
    ].flat();
    await lockChallengesTo(tx, recipients);
    const gone = await lockForChange(tx, administrator, userId, now);
    if (gone) return fail(gone);
    const sessions = await tx.session.findMany({ where: { userId }, select: { network: true, browserId: true } });
    const trusted = await tx.trustedBrowser.findMany({ where: { userId }, select: { browserId: true } });
    await lift(tx, recipients, {
      networks: sessions.map(({ network }) => network),
      browserIds: [...sessions, ...trusted].map(({ browserId }) => browserId),
      now,
    });
    recordAct(tx, administrator, act, { action: "limits_lifted", now });
    return succeed(null);
  });
}

/**
 * The failures of `liftLimitsOfRecipient`.
 * - `login_too_old`: as in `ActFailure`.
 * - `recipient_unknown`: the phone or mailbox itself is not known, because the challenge of its last code was deleted, or it has
 *   an account by now.
 */
export type LiftLimitsFailure = { name: "login_too_old" | "recipient_unknown" };

/**
 * As `liftLimits`, for a phone or mailbox without an account, which its keyed hash names. The audit event has no subject; it has
 * the id of the last delivery to the recipient.
 */
export async function liftLimitsOfRecipient(
  administrator: Administrator,
  { hash, reason }: { hash: string; reason: Reason },
  now = new Date(),
): Promise<Result<null, LiftLimitsFailure>> {
  if (!mayChange(administrator, now)) return fail({ name: "login_too_old" });
  const found = await findRecipient(hash);
  if (!found?.recipient || found.userId !== null) return fail({ name: "recipient_unknown" });
  const { recipient, lastDeliveryId } = found;
  return write(async (tx): Promise<Result<null, LiftLimitsFailure>> => {
    await lockChallengesTo(tx, [recipient]);
    if (!(await lockAdministrator(tx, administrator))) return fail({ name: "login_too_old" });
    await lift(tx, [recipient], { networks: [], browserIds: [], now });
    const event = { action: "limits_lifted", actorKind: "administrator", actorId: administrator.userId } as const;
    recordEvent(tx, { ...event, subjectId: null, details: { reason, deliveryId: lastDeliveryId }, now });
    return succeed(null);
  });
}

const addressesOf = (recipients: readonly Recipient[]) => ({ in: recipients.map(({ address }) => address) });

/**
 * Locks the challenges of these recipients. All transactions lock challenges before accounts, so that no two of them wait for each
 * other.
 */
async function lockChallengesTo(tx: Writer, recipients: readonly Recipient[]): Promise<void> {
  await tx.challenge.updateMany({
    where: { recipient: addressesOf(recipients) },
    data: { sends: { increment: 0 } },
  });
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** How many requests are read at most. The limits let fewer requests of one recipient be stored in a day. */
const REQUESTS_READ = 300;

/**
 * Ends the waits of these recipients and resets their limits, also those of the given networks and of the networks of their last
 * requests.
 */
async function lift(
  tx: Writer,
  recipients: readonly Recipient[],
  { networks, browserIds, now }: { networks: (string | null)[]; browserIds: (string | null)[]; now: Date },
): Promise<void> {
  const recipient = addressesOf(recipients);
  const latestSentAt = new Date(now.getTime() - (RESEND_AFTER_MS[0] ?? 0));
  // The schedule goes on after its first code, so that the next code is offered to another sender if the last was not delivered.
  await tx.challenge.updateMany({ where: { recipient, sends: { gt: 1 } }, data: { sends: 1 } });
  await tx.challenge.updateMany({ where: { recipient, sentAt: { gt: latestSentAt } }, data: { sentAt: latestSentAt } });
  const requests = await tx.delivery.findMany({
    where: {
      recipient: { in: recipients.flatMap(({ address }) => keyedHashes(address)) },
      at: { gt: new Date(now.getTime() - DAY_MS) },
    },
    orderBy: { at: "desc" },
    take: REQUESTS_READ,
    select: { network: true },
  });
  const known = (names: (string | null)[]) => [...new Set(names.filter((name) => name !== null))].sort();
  const limits = {
    networks: known([...networks, ...requests.map(({ network }) => network)]),
    browserIds: known(browserIds),
  };
  for (const one of recipients) resetSendLimits(tx, one, limits);
}
