import { getTranslations } from "next-intl/server";
import type { Figures, StepCounts } from "@/lib/core/administration/today";
import { STEPS } from "@/lib/core/statistics/sums";
import { Bars } from "../bars";
import { Card } from "../card";
import type { Formats } from "./formats";

/** The last 24 hours and 90 days as charts, each with its table. */
export async function Charts({
  hours,
  days,
  formats,
}: {
  hours: Figures["hours"];
  days: Figures["days"];
  formats: Formats;
}) {
  const t = await getTranslations("admin.today");
  const sumOf = (list: readonly { counts: StepCounts }[], step: "asked" | "verified" | "signed_up") =>
    list.reduce((sum, { counts }) => sum + counts[step], 0);
  const [mostCodes, mostAccounts] = [
    Math.max(0, ...hours.map(({ counts }) => counts.asked)),
    Math.max(0, ...days.map(({ counts }) => counts.signed_up)),
  ];
  const firstHour = hours[0] ? formats.time(hours[0].start) : "";
  const firstDay = days[0] ? formats.day(days[0].day) : "";
  return (
    <>
      <Card id="hours" title={t("hours.title")}>
        <Bars
          bars={hours.map(({ counts }) => ({ value: counts.asked, part: counts.verified }))}
          from={firstHour}
          label={t("hours.summary", {
            asked: formats.count(sumOf(hours, "asked")),
            verified: formats.count(sumOf(hours, "verified")),
            max: formats.count(mostCodes),
          })}
          max={mostCodes}
          maxLabel={formats.count(mostCodes)}
          to={t("hours.legend")}
        />
        <FigureTable
          first={t("hours.hour")}
          formats={formats}
          label={t("hours.title")}
          rows={hours.map(({ start, counts }) => ({ id: start.toISOString(), name: formats.time(start), counts }))}
        />
      </Card>
      <Card id="days" title={t("days.title")}>
        <Bars
          bars={days.map(({ counts }) => ({ value: counts.signed_up }))}
          from={firstDay}
          label={t("days.summary", {
            count: formats.count(sumOf(days, "signed_up")),
            max: formats.count(mostAccounts),
          })}
          marksLast
          max={mostAccounts}
          maxLabel={formats.count(mostAccounts)}
          to={t("days.today")}
        />
        <FigureTable
          first={t("days.day")}
          formats={formats}
          label={t("days.title")}
          rows={days.map(({ day, counts }) => ({ id: day, name: formats.day(day), counts }))}
        />
      </Card>
    </>
  );
}

/** The table behind a chart. On a narrow screen each row is a list; its labels come from attributes, which keeps 90 rows small. */
async function FigureTable({
  label,
  first,
  rows,
  formats,
}: {
  label: string;
  first: string;
  rows: { id: string; name: string; counts: StepCounts }[];
  formats: Formats;
}) {
  const t = await getTranslations("admin.today");
  const steps = STEPS.map((step) => ({ step, label: t(`steps.${step}`) }));
  return (
    <details className="mt-3">
      <summary className="min-h-11 cursor-pointer py-2.5 text-small underline underline-offset-4">{t("table")}</summary>
      <table
        aria-label={label}
        className="w-full text-small max-md:block max-md:[&_td]:flex max-md:[&_td]:justify-between max-md:[&_td]:gap-x-4 max-md:[&_td]:before:text-soft max-md:[&_td]:before:content-[attr(data-label)] max-md:[&_th]:block max-md:[&_tr]:block md:[&_td]:py-1.5 [&_td]:text-right [&_td]:tabular-nums md:[&_th]:py-1.5 [&_th]:text-left [&_tr]:border-line [&_tr]:border-b max-md:[&_tr]:py-2"
      >
        <thead className="text-soft max-md:sr-only [&_th+th]:text-right [&_th]:font-normal">
          <tr>
            <th scope="col">{first}</th>
            {steps.map(({ step, label: name }) => (
              <th key={step} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="max-md:block [&_th]:font-semibold">
          {rows.map(({ id, name, counts }) => (
            <tr key={id}>
              <th scope="row">{name}</th>
              {steps.map(({ step, label: of }) => (
                <td data-label={of} key={step}>
                  {formats.count(counts[step])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
