import Link from "next/link";
import { getLocale, getTranslations } from "next-intl/server";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { MaskedIdentity } from "@/components/masked-identity";
import { listPeople } from "@/lib/core/administration/people";
import { COUNTRIES_BY_CALLING_CODE, listPeoplePage, type MarkedPerson } from "@/lib/core/administration/people-list";
import { AccountId } from "@/lib/core/administration/search";
import { maskIdentity } from "@/lib/core/identity/masking";
import { describeConsolePage, renderConsolePage } from "../console-page";
import type { Column } from "../console-table";
import type { FilterField } from "../filter-form";
import { renderList } from "../list-page";
import { SignalMark } from "../signal-words";
import { DoneNotice } from "./[id]/acts-card";

export async function generateMetadata() {
  const t = await getTranslations("admin.people");
  return describeConsolePage(t("title"));
}

/** The list of people; after a search the accounts that it found, whose ids are in the address, and never what was typed. */
export default async function PeoplePage({ searchParams }: PageProps<"/admin/people">) {
  const { found, done } = await searchParams;
  return found === undefined
    ? renderList("people", searchParams, { read: listPeoplePage, describe, notice: <Notices done={done} /> })
    : renderFound(readIds(String(found)));
}

/** What stands above the list: what was done, and the way to an import. */
async function Notices({ done }: Parameters<typeof DoneNotice>[0]) {
  const t = await getTranslations("admin.people");
  return (
    <>
      <DoneNotice done={done} />
      <p className="mb-6">
        <Link className="link" href="/admin/people/import">
          {t("import")}
        </Link>
      </p>
    </>
  );
}

const readIds = (text: string) => text.split(".").flatMap((id) => AccountId.safeParse(id).data ?? []);

function renderFound(ids: number[]) {
  return renderConsolePage({ section: "people", path: "/admin/people" }, async ({ administrator }) => {
    const [t, people] = await Promise.all([getTranslations("admin.people"), listPeople(administrator, ids)]);
    return (
      <>
        <h1>{t("title")}</h1>
        <p aria-live="polite" className="mt-3 mb-6 text-soft">
          {t("found", { count: people.length })}
        </p>
        {people.length > 0 && (
          <ul className="border-line border-t">
            {people.map(({ id, phone, claimedPhone, email, inviteCode }) => (
              <li className="flex flex-wrap justify-between gap-x-6 border-line border-b py-3" key={id}>
                <Link className="link" href={`/admin/people/${id}`}>
                  <MaskedIdentity masked={maskIdentity({ phone: phone ?? claimedPhone, email })} />
                </Link>
                <span className="text-soft tabular-nums">
                  {inviteCode} · {t("id", { id })}
                </span>
              </li>
            ))}
          </ul>
        )}
      </>
    );
  });
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
        ],
      },
    ],
    columns: [
      {
        name: "person",
        label: t("person"),
        cellOf: ({ id, phone, claimedPhone, email, blockedAt, mark }) => (
          <>
            <Link className="link" href={`/admin/people/${id}`} prefetch={false}>
              <MaskedIdentity masked={maskIdentity({ phone: phone ?? claimedPhone, email })} />
            </Link>
            {blockedAt && <strong className="ml-2 text-red">{t("isBlocked")}</strong>}
            {mark && (
              <span className="ml-2">
                <SignalMark mark={mark} />
              </span>
            )}
          </>
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
