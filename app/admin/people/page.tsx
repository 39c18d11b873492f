import type { Route } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getLocale, getTranslations } from "next-intl/server";
import type { Administrator } from "@/lib/core/administration/actor";
import { listPeople } from "@/lib/core/administration/people";
import { COUNTRIES_BY_CALLING_CODE, listPeoplePage, type MarkedPerson } from "@/lib/core/administration/people-list";
import { AccountId, type FoundAccounts, searchAfterMs, searchFurther } from "@/lib/core/administration/search";
import { maskIdentity } from "@/lib/core/identity/masking";
import { ConsoleMoment } from "../console-moment";
import { describeConsolePage, renderConsolePage } from "../console-page";
import type { Column } from "../console-table";
import type { FilterField } from "../filter-form";
import { LimitNote } from "../limit-note";
import { renderList } from "../list-page";
import { PersonLink } from "../person-link";
import { DoneAct } from "./[id]/acts-card";

export async function generateMetadata() {
  const t = await getTranslations("admin.people");
  return describeConsolePage(t("title"));
}

/**
 * The list of people, or after a search the accounts that it found. Their ids are in the address (`found`); what was typed never
 * is. `like` is the last account of a search that found more. `spent` says that the administrator searched too often.
 */
export default async function PeoplePage({ searchParams }: PageProps<"/admin/people">) {
  const { found, next, like, spent, done } = await searchParams;
  const page = { section: "people", path: "/admin/people" } as const;
  if (spent !== undefined) {
    return renderConsolePage(page, async ({ administrator }) => {
      const retryAfterMs = await searchAfterMs(administrator);
      return retryAfterMs > 0 ? <LimitNote of="searches" retryAfterMs={retryAfterMs} /> : redirect("/admin/people");
    });
  }
  if (like !== undefined) {
    return renderConsolePage(page, async ({ administrator }) => {
      const further = await searchFurther(administrator, AccountId.safeParse(like).data ?? 0);
      if (!further.ok) return <LimitNote of="searches" retryAfterMs={further.failure.retryAfterMs} />;
      return <FoundPeople {...further.value} administrator={administrator} />;
    });
  }
  if (found !== undefined) {
    const ids = readIds(String(found));
    return renderConsolePage(page, async ({ administrator }) => (
      <FoundPeople administrator={administrator} ids={ids} next={AccountId.safeParse(next).data ?? null} />
    ));
  }
  return renderList("people", searchParams, { read: listPeoplePage, describe, notice: <Notices done={done} /> });
}

/** What stands above the list: what was done, and the way to an import. */
async function Notices({ done }: Parameters<typeof DoneAct>[0]) {
  const t = await getTranslations("admin.people");
  return (
    <>
      <DoneAct done={done} />
      <p className="mb-6">
        <Link className="link" href="/admin/people/import">
          {t("import")}
        </Link>
      </p>
    </>
  );
}

const readIds = (text: string) => text.split(".").flatMap((id) => AccountId.safeParse(id).data ?? []);

async function FoundPeople({ administrator, ids, next }: FoundAccounts & { administrator: Administrator }) {
  const [t, people] = await Promise.all([getTranslations("admin.people"), listPeople(administrator, ids)]);
  return (
    <>
      <h1>{t("title")}</h1>
      <p aria-live="polite" className="mt-3 mb-6 text-soft">
        {next === null ? t("found", { count: people.length }) : t("foundMore", { count: people.length })}
      </p>
      {people.length > 0 && (
        <ul className="border-line border-t">
          {people.map(({ id, phone, claimedPhone, email, inviteCode, blockedAt, isTest }) => (
            <li className="flex flex-wrap items-center justify-between gap-x-6 border-line border-b py-1" key={id}>
              <PersonLink
                id={id}
                isBlocked={blockedAt !== null}
                isTest={isTest}
                masked={maskIdentity({ phone: phone ?? claimedPhone, email })}
              />
              <span className="text-soft tabular-nums">
                {inviteCode} · {t("id", { id })}
              </span>
            </li>
          ))}
        </ul>
      )}
      {next !== null && (
        <p className="mt-4">
          <Link className="link" href={`/admin/people?like=${next}` as Route} prefetch={false}>
            {t("more")}
          </Link>
        </p>
      )}
    </>
  );
}

async function describe(): Promise<{ title: string; fields: FilterField[]; columns: Column<MarkedPerson>[] }> {
  const [t, locale] = await Promise.all([getTranslations("admin.people"), getLocale()]);
  const countries = new Intl.DisplayNames([locale], { type: "region" });
  const codes = [...COUNTRIES_BY_CALLING_CODE].map(([value, [main = ""]]) => ({
    value,
    label: `${countries.of(main)} +${value}`,
  }));
  return {
    title: t("title"),
    fields: [
      { name: "from", label: t("from"), type: "date" },
      { name: "to", label: t("to"), type: "date" },
      { name: "seenFrom", label: t("seenFrom"), type: "date" },
      { name: "seenTo", label: t("seenTo"), type: "date" },
      { name: "country", label: t("country"), options: codes.sort((a, b) => a.label.localeCompare(b.label, locale)) },
      { name: "inviter", label: t("inviter"), hint: t("inviterHint") },
      {
        name: "only",
        label: t("only"),
        options: [
          { value: "mail", label: t("mailOnly") },
          { value: "blocked", label: t("blocked") },
          { value: "test", label: t("test") },
        ],
      },
    ],
    columns: [
      {
        name: "person",
        label: t("person"),
        cellOf: ({ id, phone, claimedPhone, email, blockedAt, isTest, mark }) => (
          <PersonLink
            id={id}
            isBlocked={blockedAt !== null}
            isTest={isTest}
            mark={mark}
            masked={maskIdentity({ phone: phone ?? claimedPhone, email })}
          />
        ),
      },
      { name: "code", label: t("code"), cellOf: ({ inviteCode }) => inviteCode },
      { name: "inviterCode", label: t("inviterCode"), cellOf: ({ inviterCode }) => inviterCode },
      { name: "referrals", label: t("referrals"), isNumber: true, cellOf: ({ referralCount }) => referralCount },
      { name: "created", label: t("created"), cellOf: ({ createdAt }) => <ConsoleMoment at={createdAt} /> },
      { name: "seen", label: t("seen"), cellOf: ({ seenAt }) => seenAt && <ConsoleMoment at={seenAt} /> },
      { name: "id", label: "id", isNumber: true, cellOf: ({ id }) => id },
    ],
  };
}
