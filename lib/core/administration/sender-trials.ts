import { recordEvent } from "@/lib/core/accounts/audit-log";
import { channelsToPhones } from "@/lib/core/challenges/channels";
import { composeCodeMessage, type Language } from "@/lib/core/challenges/code-message";
import { recordSending } from "@/lib/core/challenges/deliveries";
import { drawOneTimeCode } from "@/lib/core/challenges/one-time-code";
import { chargeTrial, type RefusedTrial, refundTrial, warnWhenNearlyUsedUp } from "@/lib/core/challenges/send-limits";
import { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { CODE_DIGITS, CODE_TTL_MS } from "@/lib/core/policy";
import type { Charged } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type RolledBack, readPrimary, rollBack, transact } from "@/lib/db/database";
import { countSending } from "@/lib/ops/metrics";
import { currentRequestId } from "@/lib/ops/request-ids";
import type { ChainSender, ChainSending } from "@/lib/senders/chain";
import type { Sending } from "@/lib/senders/sender";
import { type Administrator, mayChange, mayStillAct } from "./actor";

/**
 * Why a sender was not tried.
 * - `login_too_old`: the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago, or the account was blocked
 *   since.
 * - `sender_unknown`: the settings name no such sender to phones.
 * - The failures of `RefusedTrial`: a limit is used up.
 */
export type TrySenderFailure = { name: "login_too_old" | "sender_unknown" } | RefusedTrial;

/**
 * Sends a message with random digits to the administrator's own phone by one sender, also while it rests, in the words of a code to
 * log in. The digits are stored nowhere, so that they are no code. The message is charged to the budget of the day as a code is,
 * and stored as a delivery with the purpose `trial`. The trial is recorded in the audit log. Returns what became of the message.
 */
export async function trySender(
  administrator: Administrator,
  name: string,
  requester: Requester,
  {
    language,
    now = new Date(),
    channels = channelsToPhones(),
  }: { language: Language; now?: Date; channels?: readonly ChainSender[] },
): Promise<Result<Sending, TrySenderFailure>> {
  if (!mayChange(administrator, now)) return fail({ name: "login_too_old" });
  const channel = channels.find((one) => one.name === name);
  const { userId } = administrator;
  const recipient = await findOwnPhone(administrator);
  if (!channel || !recipient) return fail({ name: "sender_unknown" });
  const stored = await transact(async (tx): Promise<ChargingResult | RolledBack<ChargingResult>> => {
    if (!(await mayStillAct(tx, administrator))) return rollBack(fail({ name: "login_too_old" }));
    const charged = await chargeTrial(tx, { userId, recipient, requester }, now);
    if (!charged.ok) return rollBack(charged);
    const own = { actorKind: "administrator" as const, actorId: userId, subjectId: userId };
    recordEvent(tx, { action: "sender_tried", ...own, details: { sender: name }, now });
    return charged;
  });
  if (!stored.ok) return stored;
  const charged = stored.value;
  warnWhenNearlyUsedUp(charged);

  const code = drawOneTimeCode(CODE_DIGITS);
  const message = composeCodeMessage({ recipient, purpose: "login" }, code, language);
  const sending = await channel.sendDespiteRest({
    ...message,
    ttlMs: CODE_TTL_MS,
    requesterAddress: requester.network,
  });
  countSending({ sender: name, outcome: sending.outcome });
  const request = { at: now, id: currentRequestId() ?? null, recipient, requester, digits: CODE_DIGITS };
  await transact(async (tx) => {
    recordSending(tx, { ...request, purpose: "trial" }, asChainSending(name, sending));
    const isTaken = sending.outcome === "accepted" || (sending.outcome === "failed" && sending.mayBeSent);
    if (!isTaken) refundTrial(tx, charged);
  });
  return succeed(sending);
}

type ChargingResult = Result<Charged, TrySenderFailure>;

function asChainSending(sender: string, sending: Sending): ChainSending {
  if (sending.outcome !== "accepted") return { accepted: null, passedOver: [{ sender, ...sending }] };
  const { id, cost } = sending;
  return { accepted: { sender, id, cost }, passedOver: [] };
}

async function findOwnPhone({ userId }: Administrator): Promise<Recipient | null> {
  const user = await readPrimary.user.findUnique({ where: { id: userId }, select: { phone: true } });
  return user?.phone ? phoneRecipient(Phone.parse(user.phone)) : null;
}

/** The last trial of a sender by this administrator, with what is known of its message; null if there is none. */
export async function findLastTrial(
  administrator: Administrator,
  sender: string,
): Promise<{ at: Date; state: string; reason: string | null } | null> {
  const recipient = await findOwnPhone(administrator);
  if (!recipient) return null;
  return readPrimary.delivery.findFirst({
    where: { recipient: { in: keyedHashes(recipient.address) }, sender, purpose: "trial" },
    orderBy: { at: "desc" },
    select: { at: true, state: true, reason: true },
  });
}
