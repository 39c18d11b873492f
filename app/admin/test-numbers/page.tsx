import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { Focused } from "@/components/focused";
import { Notice } from "@/components/notice";
import { listTestNumbers, type TestNumber } from "@/lib/core/administration/test-numbers";
import { formatPhone } from "@/lib/core/identity/phone";
import { describeConsolePage, renderConsolePage } from "../console-page";
import { type Column, ConsoleTable } from "../console-table";

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
      <>
        {(done === "made" || done === "ended") && (
          <div className="mb-5">
            <Focused key={done}>
              <Notice>{t(`done.${done}`)}</Notice>
            </Focused>
          </div>
        )}
        <h1>{t("title")}</h1>
        <p className="mt-3 max-w-[70ch] text-soft">{t("lead")}</p>
        <p className="mt-5 mb-6 flex">
          <Link className="button-quiet w-auto px-4" href="/admin/test-numbers/new" prefetch={false}>
            {t("new")}
          </Link>
        </p>
        {numbers.length === 0 && <p className="text-soft">{t("empty")}</p>}
        {numbers.length > 0 && <ConsoleTable columns={await columns()} label={t("title")} rows={numbers} />}
      </>
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
