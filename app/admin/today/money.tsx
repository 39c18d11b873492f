import { getTranslations } from "next-intl/server";
import type { Costs } from "@/lib/core/administration/today";
import type { MessageBudget } from "@/lib/core/challenges/message-budgets";
import { SMS_BUDGET_KEPT_PART, SMS_BUDGET_WARNING_PART } from "@/lib/core/policy";
import { Card } from "../card";
import type { Formats } from "./formats";

/** What messages cost today and this month, the month's forecast, and how much of the day's budgets is used. */
export async function Money({
  costs,
  budgets,
  formats,
}: {
  costs: Costs[];
  budgets: MessageBudget[];
  formats: Formats;
}) {
  const t = await getTranslations("admin.today.money");
  return (
    <Card id="money" title={t("title")}>
      {costs.length === 0 && <p className="text-soft">{t("unknown")}</p>}
      {costs.map(({ currency, today, month, forecast }) => (
        <div className="mb-3" key={currency}>
          <p>
            <strong className="text-title tabular-nums">{formats.money({ currency, amount: today })}</strong>{" "}
            <span className="text-soft">{t("today")}</span>
          </p>
          <p className="text-small text-soft">
            {t("month", {
              month: formats.money({ currency, amount: month }),
              forecast: formats.money({ currency, amount: forecast }),
            })}
          </p>
        </div>
      ))}
      {budgets.length === 0 && <p className="text-small text-soft">{t("noBudget")}</p>}
      {budgets.map(({ what, used, max, resetsAt }) => {
        const isNearlyUsed = used >= max * SMS_BUDGET_WARNING_PART;
        return (
          <div className="mt-3" key={what}>
            <p className={`text-small ${isNearlyUsed ? "font-semibold text-red" : ""}`}>
              {t(what, { used: formats.count(used), max: formats.count(max) })}
              {resetsAt && (
                <span className="font-normal text-soft"> · {t("resets", { time: formats.time(resetsAt) })}</span>
              )}
            </p>
            <svg aria-hidden="true" className="my-2 block h-3 w-full" preserveAspectRatio="none" viewBox="0 0 100 1">
              <rect className="fill-wash" height="1" width="100" />
              <rect
                className={isNearlyUsed ? "fill-red" : "fill-edge"}
                height="1"
                width={Math.min(100, (100 * used) / max)}
              />
              <rect className="fill-ink" height="1" width="0.5" x={100 * (1 - SMS_BUDGET_KEPT_PART)} />
            </svg>
            <p className="text-soft text-tiny">{t("kept", { part: formats.share(SMS_BUDGET_KEPT_PART) })}</p>
          </div>
        );
      })}
    </Card>
  );
}
