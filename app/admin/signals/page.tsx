import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { z } from "zod";
import { Moment } from "@/components/moment";
import { ListCursor } from "@/lib/core/administration/list";
import { type ListedInviter, listSignalsPage } from "@/lib/core/administration/signal-list";
import { maskIdentity } from "@/lib/core/identity/masking";
import { SIGNAL_WINDOW_MS } from "@/lib/core/policy";
import { describeConsolePage, renderConsolePage } from "../console-page";
import { type Column, ConsoleTable } from "../console-table";
import { PersonLink } from "../person-link";
import { SignalReasons } from "../signal-words";

const DAY_MS = 24 * 60 * 60 * 1000;

const State = z.enum(["open", "held", "fine"]);
type State = z.output<typeof State>;

export async function generateMetadata() {
  const t = await getTranslations("admin.signals");
  return describeConsolePage(t("title"));
}

function pathOf(state: State, before: ListCursor | null = null) {
  const query = new URLSearchParams({
    ...(state !== "open" && { state }),
    ...(before && { before: ListCursor.encode(before) }),
  });
  return query.size === 0 ? ("/admin/signals" as const) : (`/admin/signals?${query}` as const);
}

/** The inviters whose invitees look made up, each with the reasons in words, and what an administrator decided. */
export default async function SignalsPage({ searchParams }: PageProps<"/admin/signals">) {
  const query = await searchParams;
  const state = State.safeParse(query.state).data ?? "open";
  const before = ListCursor.safeDecode(String(query.before ?? "")).data ?? null;
  return renderConsolePage({ section: "signals", path: pathOf(state, before) }, async ({ administrator }) => {
    const [t, list, columns, { rows, next }] = await Promise.all([
      getTranslations("admin.signals"),
      getTranslations("admin.list"),
      describeColumns(),
      listSignalsPage(administrator, state, before),
    ]);
    return (
      <>
        <h1>{t("title")}</h1>
        <p className="mt-3 text-soft">{t("lead", { days: SIGNAL_WINDOW_MS / DAY_MS })}</p>
        <nav aria-label={t("statesLabel")} className="mt-2 mb-5">
          <ul className="flex flex-wrap gap-x-6">
            {State.options.map((each) => (
              <li key={each}>
                <Link
                  aria-current={each === state ? "page" : undefined}
                  className="link aria-[current]:font-bold aria-[current]:no-underline"
                  href={pathOf(each) as Route}
                  prefetch={false}
                >
                  {t(`states.${each}`)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        {rows.length === 0 ? (
          <p>{t(`nothing.${state}`)}</p>
        ) : (
          <ConsoleTable columns={columns} label={t(`states.${state}`)} rows={rows} />
        )}
        <div className="mt-4 flex flex-wrap gap-x-6">
          {next && (
            <Link className="link" href={pathOf(state, next) as Route} prefetch={false}>
              {list("older")}
            </Link>
          )}
          {before && (
            <Link className="link" href={pathOf(state) as Route} prefetch={false}>
              {list("newest")}
            </Link>
          )}
        </div>
      </>
    );
  });
}

async function describeColumns(): Promise<Column<ListedInviter>[]> {
  const t = await getTranslations("admin.signals");
  return [
    {
      name: "inviter",
      label: t("inviter"),
      cellOf: ({ id, phone, claimedPhone, email }) => (
        <PersonLink id={id} masked={maskIdentity({ phone: phone ?? claimedPhone, email })} />
      ),
    },
    { name: "evidence", label: t("evidence"), cellOf: ({ signals }) => <SignalReasons signals={signals} /> },
    { name: "last", label: t("last"), cellOf: ({ at }) => <Moment at={at} isExact /> },
    { name: "referrals", label: t("referrals"), isNumber: true, cellOf: ({ referralCount }) => referralCount },
    {
      name: "reviewed",
      label: t("reviewed"),
      cellOf: ({ signals: [first] }) =>
        first?.reviewedAt ? (
          <>
            <Moment at={first.reviewedAt} isExact /> <span className="block">{first.reason}</span>
          </>
        ) : null,
    },
    {
      name: "act",
      label: t("act"),
      cellOf: ({ id }) => (
        <Link className="link" href={`/admin/people/${id}/review-signals`} prefetch={false}>
          {t("review")}
        </Link>
      ),
    },
  ];
}
