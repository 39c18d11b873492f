import Link from "next/link";
import { getLocale, getTranslations } from "next-intl/server";
import { PERIODS, type Period, readFigures } from "@/lib/core/administration/today";
import { listAllSenders } from "@/lib/core/challenges/channels";
import { env } from "@/lib/env";
import { describeConsolePage, renderConsolePage } from "./console-page";
import { Answer } from "./today/answer";
import { Charts } from "./today/charts";
import { formatsOf } from "./today/formats";
import { Funnel, Places } from "./today/funnel";
import { Alarm, Refusals } from "./today/limits";
import { Money } from "./today/money";
import { Senders } from "./today/senders";
import { TrialNote } from "./today/trial";

export async function generateMetadata() {
  const t = await getTranslations("admin.today");
  return describeConsolePage(t("title"));
}

const text = (value: string | string[] | undefined) => (typeof value === "string" ? value : null);

/**
 * The page "Today": how many codes arrive, what they cost, what the limits refused and how the senders are, in a period that the
 * address names, each beside what is usual.
 */
export default async function TodayPage({ searchParams }: PageProps<"/admin">) {
  const query = await searchParams;
  const period: Period = PERIODS.find((one) => one === query.period) ?? "day";
  const path = period === "day" ? "/admin" : (`/admin?period=${period}` as const);
  return renderConsolePage({ section: "today", path }, async ({ administrator }) => {
    const [t, locale, figures] = await Promise.all([getTranslations("admin.today"), getLocale(), readFigures(period)]);
    const senders = listAllSenders();
    const formats = formatsOf(locale);
    return (
      <>
        <h1>{t("title")}</h1>
        <p className="mt-2 text-soft">
          {figures.computedAt
            ? t("lead", { computed: formats.dayAndTime(figures.computedAt), zone: env.TIME_ZONE })
            : t("neverComputed")}
        </p>
        <TrialNote administrator={administrator} problem={text(query.problem)} tried={text(query.tried)} />
        <Answer figures={figures} formats={formats} period={period} senders={senders} />
        <nav aria-label={t("periods.label")} className="mt-4">
          <ul className="flex gap-x-6">
            {PERIODS.map((one) => (
              <li key={one}>
                <Link
                  aria-current={one === period ? "true" : undefined}
                  className="inline-flex min-h-11 items-center underline underline-offset-4 aria-[current]:font-bold aria-[current]:no-underline"
                  href={one === "day" ? "/admin" : `/admin?period=${one}`}
                  prefetch={false}
                >
                  {t(`periods.${one}`)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="mt-2 grid items-start gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <div className="grid min-w-0 gap-5">
            <Funnel formats={formats} steps={figures.funnel} />
            <Refusals formats={formats} refusals={figures.refusals} />
            <Alarm isOn={figures.isAlarm} />
          </div>
          <div className="grid min-w-0 gap-5">
            <Money budgets={figures.budgets} costs={figures.costs} formats={formats} />
            <Senders figures={figures.senders} formats={formats} period={period} senders={senders} />
          </div>
        </div>
        <div className="mt-5 grid gap-5">
          <Places channels={figures.channels} countries={figures.countries} formats={formats} locale={locale} />
          <Charts days={figures.days} formats={formats} hours={figures.hours} />
        </div>
      </>
    );
  });
}
