import { getTranslations } from "next-intl/server";
import type { Period, SenderFigures } from "@/lib/core/administration/today";
import type { SenderState } from "@/lib/core/challenges/channels";
import { Card } from "../card";
import type { Formats } from "./formats";
import { TrialButton } from "./trial";

const ERRORS_SHOWN_MAX = 5;

/** The senders: whether each works or rests, and what it delivered, cost and failed at in the period. */
export async function Senders({
  senders,
  figures,
  period,
  formats,
}: {
  senders: SenderState[];
  figures: SenderFigures[];
  period: Period;
  formats: Formats;
}) {
  const [t, trial] = await Promise.all([getTranslations("admin.today.senders"), getTranslations("admin.today.trial")]);
  // Senders that are no longer in the settings sent messages in the period, too.
  const former = figures.filter(({ sender }) => !senders.some(({ name }) => name === sender));
  const all = [
    ...senders.map((sender) => ({ ...sender, isFormer: false })),
    ...former.map(({ sender }) => ({ name: sender, restLeftMs: 0, isForPhones: false, isFormer: true })),
  ];
  return (
    <Card id="senders" title={t("title")}>
      <ul>
        {all.map(({ name, restLeftMs, isForPhones, isFormer }) => {
          const own = figures.find(({ sender }) => sender === name);
          const costs = own?.costs.map(formats.money).join(" + ");
          const state =
            restLeftMs > 0
              ? t("resting", { time: formats.time(new Date(Date.now() + restLeftMs)) })
              : t(isFormer ? "former" : own ? "works" : "idle");
          return (
            <li className="border-line border-b py-3 last:border-b-0" key={name}>
              <p className="flex flex-wrap items-baseline gap-x-3">
                <strong>{name}</strong>
                {own && (
                  <span className={`tabular-nums ${own.isLow ? "font-bold text-red" : ""}`}>
                    {formats.share(own.share)}
                  </span>
                )}
                <span className={restLeftMs > 0 ? "font-semibold text-red" : "text-soft"}>{state}</span>
                {own && <span className="ml-auto tabular-nums">{costs || (name === "mail" ? null : t("free"))}</span>}
              </p>
              {own && (
                <p className="text-small text-soft">
                  {[
                    t("messages", { count: own.messages }),
                    own.share === null ? t("noReports") : null,
                    own.usual === null ? null : t("usually", { usual: formats.share(own.usual) }),
                  ]
                    .filter((part) => part !== null)
                    .join(" · ")}
                </p>
              )}
              {own && own.errors.length > 0 && (
                <ul className="text-small text-soft">
                  {own.errors.slice(0, ERRORS_SHOWN_MAX).map(({ reason, count }) => (
                    <li className="break-words" key={reason}>
                      {t("error", { reason, count })}
                    </li>
                  ))}
                </ul>
              )}
              {isForPhones && <TrialButton period={period} sender={name} />}
            </li>
          );
        })}
      </ul>
      <p className="mt-3 text-soft text-tiny">
        {t("lead", { period })} {trial("hint")}
      </p>
    </Card>
  );
}
