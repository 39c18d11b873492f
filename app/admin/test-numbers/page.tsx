import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { listTestNumbers, type TestNumber } from "@/lib/core/administration/test-numbers";
import { formatPhone } from "@/lib/core/identity/phone";
import { describeConsolePage, renderConsolePage } from "../console-page";
import type { Column } from "../console-table";
import { ShortList } from "../short-list";

export async function generateMetadata() {
  const t = await getTranslations("admin.testNumbers");
  return describeConsolePage(t("title"));
}

/** The test numbers, the one that ends first at the top, with links to make one and to end one. */
export default async function TestNumbersPage({ searchParams }: PageProps<"/admin/test-numbers">) {
  return renderConsolePage({ section: "test-numbers", path: "/admin/test-numbers" }, async () => {
    const [t, numbers, { done }] = await Promise.all([
      getTranslations("admin.testNumbers"),
      listTestNumbers(),
      searchParams,
    ]);
    return (
      <ShortList
        columns={await columns()}
        done={(done === "made" || done === "ended") && { name: done, words: t(`done.${done}`) }}
        formHref="/admin/test-numbers/new"
        lead={t("lead")}
        rows={numbers}
        t={t}
      />
    );
  });
}

async function columns(): Promise<Column<TestNumber>[]> {
  const t = await getTranslations("admin.testNumbers");
  return [
    { name: "phone", label: t("phone"), cellOf: ({ phone }) => formatPhone(phone) },
    { name: "note", label: t("note"), cellOf: ({ note }) => note },
    { name: "digits", label: t("digits"), cellOf: ({ digits }) => digits },
    {
      name: "until",
      label: t("until"),
      cellOf: ({ until, isOpen }) => (isOpen ? <ConsoleMoment at={until} /> : t("ended")),
    },
    {
      name: "account",
      label: t("account"),
      cellOf: ({ userId }) =>
        userId === null ? (
          t("noAccount")
        ) : (
          <Link className="link" href={`/admin/people/${userId}`} prefetch={false}>
            {userId}
          </Link>
        ),
    },
    {
      name: "end",
      label: "",
      cellOf: ({ id, isOpen, phone }) =>
        isOpen ? (
          <Link
            aria-label={`${t("end")}: ${formatPhone(phone)}`}
            className="link inline-flex min-h-11 items-center text-red"
            href={`/admin/test-numbers/${id}/end` as Route}
            prefetch={false}
          >
            {t("end")}
          </Link>
        ) : null,
    },
  ];
}
