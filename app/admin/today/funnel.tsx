import { getTranslations } from "next-intl/server";
import type { FunnelStep, StepCounts } from "@/lib/core/administration/today";
import { STEPS } from "@/lib/core/statistics/sums";
import type { Locale } from "@/lib/i18n";
import { Card } from "../card";
import { ConsoleTable } from "../console-table";
import type { Formats } from "./formats";

/** The steps from a requested code to an activated invite code, each with its share and the usual one. */
export async function Funnel({ steps, formats }: { steps: FunnelStep[]; formats: Formats }) {
  const t = await getTranslations("admin.today");
  const max = Math.max(1, ...steps.map(({ count }) => count));
  const number = "py-2 pl-3 text-right tabular-nums whitespace-nowrap";
  return (
    <Card id="funnel" title={t("funnel.title")}>
      <table aria-labelledby="funnel" className="w-full text-small">
        <thead>
          <tr className="border-line border-b text-soft text-tiny">
            <th className="py-1.5 text-left font-normal" scope="col">
              {t("funnel.step")}
            </th>
            {(["count", "share", "usual"] as const).map((name) => (
              <th className="py-1.5 pl-3 text-right font-normal" key={name} scope="col">
                {t(`funnel.${name}`)}
              </th>
            ))}
            <td aria-hidden="true" className="w-1/3 max-sm:hidden" />
          </tr>
        </thead>
        <tbody>
          {steps.map(({ step, count, share, usual, isLow }) => (
            <tr className="border-line border-b last:border-b-0" key={step}>
              <th className="py-2 text-left font-normal" scope="row">
                {t(`steps.${step}`)}
              </th>
              <td className={number}>{formats.count(count)}</td>
              <td className={`${number} ${isLow ? "font-bold text-red" : ""}`}>{formats.share(share)}</td>
              <td className={number}>{formats.share(usual)}</td>
              <td aria-hidden="true" className="pl-3 max-sm:hidden">
                <svg aria-hidden="true" className="block h-3.5 w-full" preserveAspectRatio="none" viewBox="0 0 100 1">
                  <rect
                    className={isLow ? "fill-red" : "fill-edge"}
                    height="1"
                    opacity={isLow ? 1 : 0.55}
                    width={(100 * count) / max}
                  />
                </svg>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="mt-3 text-soft text-tiny">{t("funnel.usualHint")}</p>
    </Card>
  );
}

/** How many countries have a row of their own; the rest is added up in one. */
const COUNTRIES_MAX = 20;

/** The steps of the period by channel and by country. */
export async function Places({
  channels,
  countries,
  formats,
  locale,
}: {
  channels: { channel: string; counts: StepCounts }[];
  countries: { country: string; counts: StepCounts }[];
  formats: Formats;
  locale: Locale;
}) {
  const t = await getTranslations("admin.today");
  const names = new Intl.DisplayNames(locale, { type: "region" });
  const steps = STEPS.map((step) => ({
    name: step,
    label: t(`steps.${step}`),
    isNumber: true,
    cellOf: ({ counts }: { counts: StepCounts }) => formats.count(counts[step]),
  }));
  const rest = countries.slice(COUNTRIES_MAX).map(({ counts }) => counts);
  const others = Object.fromEntries(
    STEPS.map((step) => [step, rest.reduce((sum, counts) => sum + counts[step], 0)]),
  ) as StepCounts;
  const ofChannels = channels.map(({ channel, counts }) => ({
    id: channel,
    name: channel === "email" ? t("places.email") : t("places.phone"),
    counts,
  }));
  const ofCountries = [
    ...countries.slice(0, COUNTRIES_MAX).map(({ country, counts }) => ({
      id: country,
      name: country === "" ? t("places.none") : (names.of(country) ?? country),
      counts,
    })),
    ...(rest.length > 0 ? [{ id: "others", name: t("places.others"), counts: others }] : []),
  ];
  return (
    <Card id="places" title={t("places.title")}>
      {channels.length === 0 ? (
        <p className="text-soft">{t("places.nothing")}</p>
      ) : (
        <div className="grid gap-6">
          {[["channel", ofChannels] as const, ["country", ofCountries] as const].map(([kind, rows]) => (
            <ConsoleTable
              columns={[{ name: kind, label: t(`places.${kind}`), cellOf: ({ name }) => name }, ...steps]}
              key={kind}
              label={t(`places.${kind}`)}
              rows={rows}
            />
          ))}
        </div>
      )}
    </Card>
  );
}
