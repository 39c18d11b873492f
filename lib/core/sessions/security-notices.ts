import type { ChangedIdentity } from "@/lib/core/accounts/replace-identity";
import type { Language } from "@/lib/core/challenges/code-message";
import type { Email } from "@/lib/core/identity/email";
import type { Requester } from "@/lib/core/identity/requester";
import { composeHtml, TRANSLATOR_BY_LANGUAGE } from "@/lib/core/message-html";
import { readPrimary } from "@/lib/db/database";
import { env } from "@/lib/env";
import { log, logError } from "@/lib/ops/log";
import { countNotice } from "@/lib/ops/metrics";
import { currentRequestId } from "@/lib/ops/request-ids";
import { mailSender } from "@/lib/senders/mail";
import type { Message, MessageSender } from "@/lib/senders/sender";
import type { Session } from "./sessions";
import { describeDevice, deviceName } from "./user-agent";

/** How long the mail server may take to accept a notice: long, because no request waits for a notice. */
const NOTICE_TIMEOUT_MS = 30_000;
/** The pauses before a notice is sent again, long enough for a restart of the mail server. */
const NOTICE_PAUSES_MS = [30_000, 10 * 60_000];

/** A security notice: a mail that the account's owner did not request; `webhook_disabled` goes to administrators. */
export type Notice =
  | { name: "signed_in"; requester: Requester; at: Date }
  | ({ at: Date } & Pick<ChangedIdentity, "name" | "was">)
  | { name: "account_deleted"; at: Date }
  | { name: "webhook_disabled"; host: string; reason: "gone" | "failing"; at: Date }
  | { name: "change_requested"; what: "deletion" | "phone" | "email"; dueAt: Date; requester: Requester; at: Date };

/**
 * Returns the mail of a notice, in both languages. The owner's language is unknown: a stranger may have made the request that
 * caused the notice, and chosen its language.
 */
export function composeNotice(to: Email, notice: Notice): Message {
  const [russian, english] = [sentencesOf(notice, "ru"), sentencesOf(notice, "en")];
  const subject = `${russian.subject} · ${english.subject}`;
  const text = [russian, english].map(({ sentences }) => `${sentences.join("\n\n")}\n`).join("\n* * *\n\n");
  // Nothing needs escaping: the parts are sentences from messages/, names from `describeDevice`, hosts of URLs and addresses.
  const html = Object.entries({ ru: russian, en: english }).map(
    ([language, { sentences }]) =>
      `<div lang="${language}" style="margin:0 0 32px">\n${sentences.map((one) => `<p style="margin:0 0 8px">${one}</p>`).join("\n")}\n</div>`,
  );
  return { to, subject, text, html: composeHtml({ language: "ru", subject }, html.join("\n")) };
}

function sentencesOf(notice: Notice, language: Language): { subject: string; sentences: string[] } {
  const t = TRANSLATOR_BY_LANGUAGE[language];
  const time = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  const at = `${time.format(notice.at)} UTC`;
  const url = `${env.APP_URL}/account`;
  const detailsOf = ({ agent, network }: Requester) => {
    const device = deviceName(describeDevice(agent), (unnamed) => t(`device.${unnamed}`));
    return t("notice.signed_in.details", { device, network, at });
  };
  if (notice.name === "signed_in") {
    return {
      subject: t("notice.signed_in.subject"),
      sentences: [t("notice.signed_in.lead"), detailsOf(notice.requester), t("notice.signed_in.advice", { url })],
    };
  }
  if (notice.name === "account_deleted") {
    return {
      subject: t("notice.account_deleted.subject"),
      sentences: [t("notice.account_deleted.lead", { at }), t("notice.account_deleted.advice")],
    };
  }
  if (notice.name === "change_requested") {
    const { what, dueAt, requester } = notice;
    const due = `${time.format(dueAt)} UTC`;
    return {
      subject: t("notice.change_requested.subject", { what }),
      sentences: [
        t("notice.change_requested.lead", { what, due }),
        detailsOf(requester),
        t("notice.change_requested.advice", { url }),
      ],
    };
  }
  if (notice.name === "webhook_disabled") {
    const { host, reason } = notice;
    const url = `${env.APP_URL}/admin/webhooks`;
    return {
      subject: t("notice.webhook_disabled.subject", { host }),
      sentences: [
        t("notice.webhook_disabled.lead", { host, reason, at }),
        t("notice.webhook_disabled.advice", { url }),
      ],
    };
  }
  const { was } = notice;
  return {
    subject: t(`notice.${notice.name}.subject`, { was }),
    sentences: [t(`notice.${notice.name}.lead`, { was, at }), t("notice.changedAdvice", { url })],
  };
}

/** Sends a notice of a sign-in from a new device to the account's mailbox, if it has one. */
export async function notifyOfNewDevice(
  { userId, createdAt, isNew }: Session,
  requester: Requester,
  sender: MessageSender | null = mailSender,
): Promise<void> {
  if (isNew) await notifyAccount(userId, { name: "signed_in", requester, at: createdAt }, sender);
}

/** Sends a notice to the account's mailbox. Does nothing for an account without a mailbox. */
export async function notifyAccount(
  userId: number,
  notice: Notice,
  sender: MessageSender | null = mailSender,
): Promise<void> {
  if (!sender) return;
  const account = await readPrimary.user.findUnique({ where: { id: userId }, select: { email: true } });
  if (account?.email) await notifyMailboxes([account.email as Email], notice, sender);
}

/**
 * Sends a notice to mailboxes that an account has or had. A failure for one mailbox does not affect the others, because one of
 * them may be a thief's.
 */
export async function notifyMailboxes(
  mailboxes: readonly Email[],
  notice: Notice,
  sender: MessageSender | null = mailSender,
): Promise<void> {
  if (sender) await Promise.all(mailboxes.map((to) => sendNotice(composeNotice(to, notice), sender)));
}

/**
 * Sends a notice. If the mail server fails to accept it, this process sends it again after each of `pausesMs` (milliseconds). A
 * permanent refusal is not retried. A notice that waits for a retry is lost when the process ends; the log shows that it
 * waited. Resolves after the first attempt, even if that failed.
 */
export async function sendNotice(
  message: Message,
  sender: MessageSender,
  pausesMs: readonly number[] = NOTICE_PAUSES_MS,
): Promise<void> {
  const sending = await sender.send(message, AbortSignal.timeout(NOTICE_TIMEOUT_MS));
  if (sending.outcome === "accepted") return countNotice("ok");
  const { outcome, reason } = sending;
  const [pauseMs, ...laterPausesMs] = pausesMs;
  if (outcome === "refused" || pauseMs === undefined) {
    log.error({ requestId: currentRequestId(), reason }, "a notice was not sent");
    return countNotice("not_sent");
  }
  log.warn(
    { requestId: currentRequestId(), reason, pauseMs },
    "a notice was not sent, and is tried again after a pause",
  );
  countNotice("retried");
  const retry = () =>
    sendNotice(message, sender, laterPausesMs).catch((error) => logError(error, "a notice was not sent"));
  // The timer does not keep an ending process alive.
  setTimeout(retry, pauseMs).unref();
}
