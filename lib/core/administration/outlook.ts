import type { Challenge } from "@/lib/core/challenges/challenge";
import { statusOf } from "@/lib/core/challenges/challenge";
import { listSenders } from "@/lib/core/challenges/channels";
import { newCodeDigits } from "@/lib/core/challenges/code-length";
import type { RefusalReason } from "@/lib/core/challenges/deliveries";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { waitMsFor } from "@/lib/core/challenges/resend-schedule";
import { findRefusal } from "@/lib/core/challenges/send-limits";
import { isServedPhone } from "@/lib/core/challenges/served-countries";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { CODE_DIGITS } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";

/** What keeps a person from a new code, or is worth knowing. `until` is when it ends by itself; null if it does not. */
export interface Obstacle {
  name: "account_blocked" | "mail_unavailable" | RefusalReason;
  until: Date | null;
}

/** Whether a person can log in by a recipient now, and what an operator should know about it. */
export interface Outlook {
  /** What the codes go to. */
  kind: Recipient["kind"];
  /** What refuses a new code, the longest first; empty if a code can be requested now. */
  obstacles: Obstacle[];
  /** Until when the last code can be typed; null without such a code. */
  codeUntil: Date | null;
  /** The last sender that failed to bring the last code, and why; null if none is known to have failed. */
  undelivered: { sender: string; reason: string | null } | null;
  /** How many digits the next code has, if wrong codes or an alarm made it longer; otherwise null. */
  longerDigits: number | null;
  /** The network of the last request, whose limits were read, too; null if it is not known. */
  network: string | null;
  /** Whether the account can get a code to its mailbox, while its phone gets none. */
  isMailOpen: boolean;
  /** Whether it is a test number: its fixed code can be typed after a request, and no message is sent. */
  isTest: boolean;
}

const FAILED_STATES = ["undelivered", "failed", "refused"];

/**
 * Returns whether an account's owner can log in now: by the proven phone, or by the mailbox if the account has no proven phone. If a
 * code to the phone would be refused, the mailbox is looked at as well.
 */
export async function getOutlookOf(
  { phone, email, blockedAt }: { phone: Phone | null; email: Email | null; blockedAt: Date | null },
  now = new Date(),
): Promise<Outlook | null> {
  const isBlocked = blockedAt !== null;
  const byMail = () => email && getOutlook(emailRecipient(email), { isBlocked }, now);
  if (!phone) return byMail();
  const outlook = await getOutlook(phoneRecipient(phone), { isBlocked }, now);
  const isShut = outlook.obstacles.length > 0 && outlook.codeUntil === null;
  return { ...outlook, isMailOpen: isShut && (await byMail())?.obstacles.length === 0 };
}

/**
 * Returns whether a code for a login would be sent to this recipient now, by the functions that refuse codes. A browser that is
 * not recognised is assumed, in the network of the last request. `isBlocked` says that the recipient's account is blocked,
 * `isMailOffered` that codes can be sent to mailboxes.
 */
export async function getOutlook(
  recipient: Recipient,
  { isBlocked, isMailOffered = IS_MAIL_OFFERED }: { isBlocked: boolean; isMailOffered?: boolean },
  now = new Date(),
): Promise<Outlook> {
  const [messages, challenge] = await Promise.all([
    readPrimary.delivery.findMany({
      where: { recipient: { in: keyedHashes(recipient.address) }, at: { gt: new Date(0) } },
      orderBy: [{ at: "desc" }, { id: "desc" }],
      take: LAST_MESSAGES_READ,
    }),
    readPrimary.challenge.findFirst({
      where: { recipient: recipient.address, purpose: { in: ["login", "registration"] } },
      orderBy: { sentAt: "desc" },
    }) as Promise<Challenge | null>,
  ]);
  const network = messages[0]?.network ?? null;
  const requester = { network: network ?? "unknown", agent: null, browser: null };
  const digits = await newCodeDigits(readPrimary, { recipient, purpose: "login" }, requester, now);
  const isTest = digits.fixedCode !== null;
  const refusal = await findRefusal(readPrimary, recipient, network, now, { isTest });
  const after = (ms: number) => new Date(now.getTime() + ms);
  const waitMs = challenge ? waitMsFor(challenge, digits, requester, now) : 0;
  const senders = listSenders(recipient);
  const obstacles: Obstacle[] = [
    isBlocked ? [{ name: "account_blocked" as const, until: null }] : [],
    recipient.kind === "email" && !isMailOffered ? [{ name: "mail_unavailable" as const, until: null }] : [],
    recipient.kind === "phone" && !isServedPhone(recipient.address)
      ? [{ name: "country_not_allowed" as const, until: null }]
      : [],
    !isTest && senders.every(({ restLeftMs }) => restLeftMs > 0)
      ? [{ name: "senders_resting" as const, until: null }]
      : [],
    refusal ? [{ name: refusal.name, until: after(refusal.retryAfterMs) }] : [],
    waitMs > 0 ? [{ name: "resend_too_early" as const, until: after(waitMs) }] : [],
  ].flat();
  const [newest] = messages.filter(({ sender, purpose }) => sender !== null && purpose !== "trial");
  const isLive = challenge !== null && statusOf(challenge, digits.needed, now) === "live";
  return {
    kind: recipient.kind,
    obstacles: obstacles.sort((one, other) => endOf(other) - endOf(one)),
    codeUntil: isLive ? challenge.expiresAt : null,
    undelivered:
      newest?.sender && FAILED_STATES.includes(newest.state) ? { sender: newest.sender, reason: newest.reason } : null,
    longerDigits: !isTest && digits.ofNewCode > CODE_DIGITS ? digits.ofNewCode : null,
    network,
    isMailOpen: false,
    isTest,
  };
}

/** So many that a message that was handed to a sender is found behind the refusals of an hour. */
const LAST_MESSAGES_READ = 20;

const endOf = ({ until }: Obstacle) => until?.getTime() ?? Number.POSITIVE_INFINITY;
