import type { Route } from "next";
import Link from "next/link";
import { getFormatter, getTranslations } from "next-intl/server";
import { Moment } from "@/components/moment";
import { readFilter } from "@/lib/core/administration/list-export";
import { InviterCursor, listInvitersPage, PERIODS, type RankedInviter } from "@/lib/core/administration/referral-list";
import { maskIdentity } from "@/lib/core/identity/masking";
import { ACTIVATIONS_EXAMINED_MAX } from "@/lib/core/policy";
import { env } from "@/lib/env";
import { Bars } from "../bars";
import { Card } from "../card";
import { describeConsolePage, renderConsolePage } from "../console-page";
import { type Column, ConsoleTable } from "../console-table";
import { FilterForm } from "../filter-form";
import { applyFilter } from "../list-actions";
import { addressOf } from "../list-address";
import { PersonLink } from "../person-link";

export async function generateMetadata() {
  const t = await getTranslations("admin.referrals");
  return describeConsolePage(t("title"));
}

/** Who brought the most people in a period, and a chart of the period's activations. */
export default async function ReferralsPage({ searchParams }: PageProps<"/admin/referrals">) {
  const query = await searchParams;
  const { filter } = readFilter("referrals", query);
  const cursor = InviterCursor.safeDecode(String(query.after ?? "")).data ?? null;
  const after = cursor ? InviterCursor.encode(cursor) : undefined;
  const path = addressOf("referrals", { ...filter, after });
  return renderConsolePage({ section: "referrals", path }, async ({ administrator }) => {
    const [t, list, format, columns, page] = await Promise.all([
      getTranslations("admin.referrals"),
      getTranslations("admin.list"),
      getFormatter(),
      describeColumns(),
      listInvitersPage(administrator, filter, cursor),
    ]);
    const { rows, next, count, since, growth } = page;
    const { period, ...days } = filter;
    const hasDays = days.from !== undefined || days.to !== undefined;
    const shown = hasDays ? null : (period ?? "month");
    const time = growth.isByHour
      ? ({ hour: "2-digit", minute: "2-digit" } as const)
      : ({ day: "numeric", month: "short", year: "numeric" } as const);
    const bars = growth.steps.map((step) => ({
      id: step.start.toISOString(),
      name: format.dateTime(step.start, { ...time, timeZone: env.TIME_ZONE }),
      value: step.count,
    }));
    const [sum, most] = [
      bars.reduce((all, { value }) => all + value, 0),
      Math.max(0, ...bars.map(({ value }) => value)),
    ];
    const steps: Column<(typeof bars)[number]>[] = [
      { name: "step", label: t(growth.isByHour ? "hour" : "day"), cellOf: ({ name }) => name },
      { name: "count", label: t("activations"), isNumber: true, cellOf: ({ value }) => value },
    ];
    const malformed = String(query.malformed ?? "").split(".");
    return (
      <>
        <h1>{t("title")}</h1>
        <p className="mt-3">{t("lead", { count })}</p>
        {since && (
          <p className="mt-2 text-soft">
            {t.rich("cut", { max: ACTIVATIONS_EXAMINED_MAX, since: () => <Moment at={since} isExact /> })}
          </p>
        )}
        <nav aria-label={t("periodOf")} className="mt-2 mb-4">
          <ul className="flex flex-wrap gap-x-6">
            {PERIODS.map((each) => (
              <li key={each}>
                <Link
                  aria-current={each === shown ? "page" : undefined}
                  className="link aria-[current]:font-bold aria-[current]:no-underline"
                  href={addressOf("referrals", { period: each }) as Route}
                  prefetch={false}
                >
                  {t(`periods.${each}`)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <FilterForm
          action={applyFilter}
          fields={[
            { name: "from", label: t("from"), type: "date" },
            { name: "to", label: t("to"), type: "date" },
          ]}
          filter={days}
          hidden={{ list: "referrals" }}
          home="/admin/referrals"
          malformed={["from", "to"].filter((name) => malformed.includes(name))}
        />
        <Card id="growth" title={t(growth.isByHour ? "growthByHour" : "growth")}>
          <Bars
            bars={bars}
            from={bars.at(0)?.name ?? ""}
            label={t("growthSummary", { count: format.number(sum), max: format.number(most) })}
            marksLast
            max={most}
            maxLabel={format.number(most)}
            to={bars.at(-1)?.name ?? ""}
          />
          <details className="mt-3">
            <summary className="min-h-11 cursor-pointer py-2.5 text-small underline underline-offset-4">
              {t("table")}
            </summary>
            <ConsoleTable columns={steps} label={t("growth")} rows={bars.toReversed()} />
          </details>
        </Card>
        <h2 className="mt-6 mb-3 text-large">{t("top")}</h2>
        {rows.length === 0 ? (
          <p aria-live="polite">{t("nothing")}</p>
        ) : (
          <ConsoleTable columns={columns} label={t("top")} rows={rows} />
        )}
        <div className="mt-4 flex flex-wrap gap-x-6">
          {next && (
            <Link
              className="link"
              href={addressOf("referrals", { ...filter, after: InviterCursor.encode(next) }) as Route}
              prefetch={false}
            >
              {t("next")}
            </Link>
          )}
          {cursor && (
            <Link className="link" href={addressOf("referrals", filter) as Route} prefetch={false}>
              {t("first")}
            </Link>
          )}
          <a className="link md:ml-auto" href={`/api${addressOf("referrals", filter)}`}>
            {list("csv")}
          </a>
        </div>
      </>
    );
  });
}

async function describeColumns(): Promise<Column<RankedInviter>[]> {
  const t = await getTranslations("admin.referrals");
  return [
    {
      name: "person",
      label: t("person"),
      cellOf: ({ id, phone, claimedPhone, email, mark }) => (
        <PersonLink id={id} mark={mark} masked={maskIdentity({ phone: phone ?? claimedPhone, email })} />
      ),
    },
    { name: "code", label: t("code"), cellOf: ({ inviteCode }) => inviteCode },
    { name: "count", label: t("count"), isNumber: true, cellOf: ({ count }) => count },
    { name: "ever", label: t("ever"), isNumber: true, cellOf: ({ referralCount }) => referralCount },
    {
      name: "tree",
      label: t("tree"),
      cellOf: ({ id }) => (
        <Link className="link" href={`/admin/referrals/${id}`} prefetch={false}>
          {t("showTree")}
        </Link>
      ),
    },
  ];
}
