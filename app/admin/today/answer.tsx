import { getTranslations } from "next-intl/server";
import type { Figures, Period } from "@/lib/core/administration/today";
import type { SenderState } from "@/lib/core/challenges/channels";
import { SMS_BUDGET_WARNING_PART } from "@/lib/core/policy";
import type { Formats } from "./formats";

/** The sentences that the page begins with: how many of the period's codes arrived, and then what needs attention. */
export async function Answer({
  figures: { funnel, senders: figuresOfSenders, budgets, isAlarm },
  senders,
  period,
  formats,
}: {
  figures: Figures;
  senders: SenderState[];
  period: Period;
  formats: Formats;
}) {
  const t = await getTranslations("admin.today");
  const [asked, delivered, verified] = ["asked", "delivered", "verified"].map((name) =>
    funnel.find(({ step }) => step === name),
  );
  // Where no sender reports deliveries, the right codes tell how many arrived.
  const isReported = Boolean(delivered && (delivered.count > 0 || (delivered.usual ?? 0) > 0));
  const main = isReported ? delivered : verified;
  const usual = typeof main?.usual === "number" ? formats.share(main.usual) : "none";
  const lead = asked?.count
    ? t(isReported ? "answer.delivered" : "answer.verified", {
        period,
        share: formats.share(main?.share ?? null),
        usual,
      })
    : t("answer.nothing", { period });
  const others = [
    ...funnel
      .filter((step) => step.isLow && step !== main)
      .map(({ step, share, usual: often }) =>
        t("answer.low", { step: t(`steps.${step}`), share: formats.share(share), usual: formats.share(often) }),
      ),
    ...figuresOfSenders
      .filter(({ isLow }) => isLow)
      .map(({ sender, share, usual: often }) =>
        t("answer.senderLow", { sender, share: formats.share(share), usual: formats.share(often) }),
      ),
    ...senders
      .filter(({ restLeftMs }) => restLeftMs > 0)
      .map(({ name, restLeftMs }) =>
        t("answer.resting", { sender: name, time: formats.time(new Date(Date.now() + restLeftMs)) }),
      ),
    ...budgets
      .filter(({ used, max }) => used >= max * SMS_BUDGET_WARNING_PART)
      .map(({ what, used, max }) => t("answer.budget", { what, part: formats.share(used / max) })),
    ...(isAlarm ? [t("answer.alarm")] : []),
  ];
  const isBad = Boolean(main?.isLow) || others.length > 0;
  return (
    <p
      className={`mt-4 rounded-r-card border-l-4 bg-card px-5 py-4 ${isBad ? "border-red" : "border-line"}`}
      data-answer
    >
      <strong>{lead}</strong> {isBad ? others.join(" ") : t("answer.fine")}
    </p>
  );
}
