import { getTranslations } from "next-intl/server";
import type { Figures } from "@/lib/core/administration/today";
import { Card } from "../card";
import type { Formats } from "./formats";

/** What each limit refused in the period, by the limit's name in words. */
export async function Refusals({ refusals, formats }: { refusals: Figures["refusals"]; formats: Formats }) {
  const [t, words] = await Promise.all([getTranslations("admin.today.refusals"), getTranslations("admin.timeline")]);
  return (
    <Card id="refusals" title={t("title")}>
      {refusals.length === 0 ? (
        <p className="text-soft">{t("nothing")}</p>
      ) : (
        <>
          <dl className="text-small">
            {refusals.map(({ reason, count }) => (
              <div className="flex justify-between gap-x-4 border-line border-b py-2" key={reason}>
                <dt className="min-w-0 break-words">
                  {words.has(`refusals.${reason}` as never) ? words(`refusals.${reason as "senders_resting"}`) : reason}
                </dt>
                <dd className="tabular-nums">{formats.count(count)}</dd>
              </div>
            ))}
          </dl>
          <p className="mt-3 text-soft text-tiny">{t("hint")}</p>
        </>
      )}
    </Card>
  );
}

/** Whether the alarm is on. */
export async function Alarm({ isOn }: { isOn: boolean }) {
  const t = await getTranslations("admin.today.alarm");
  return (
    <Card id="alarm" title={t("title")}>
      <p className={isOn ? "font-semibold text-red" : "text-soft"}>{isOn ? t("on") : t("off")}</p>
    </Card>
  );
}
