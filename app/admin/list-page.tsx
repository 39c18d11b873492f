import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import type { Administrator } from "@/lib/core/administration/actor";
import { ListCursor, type ListPage, ROWS_EXAMINED_MAX } from "@/lib/core/administration/list";
import { type ExportedList, type FilterOf, readFilter } from "@/lib/core/administration/list-export";
import { renderConsolePage } from "./console-page";
import { type Column, ConsoleTable } from "./console-table";
import { type FilterField, FilterForm } from "./filter-form";
import { applyFilter } from "./list-actions";
import { addressOf } from "./list-address";

type Query = Record<string, string | string[] | undefined>;

/**
 * Renders a list of the console: its filter, a page of its rows, a link to the next page, and a link to all of them as a CSV file.
 * `read` reads the page; `describe` returns the filter's fields and the table's columns.
 */
export async function renderList<List extends ExportedList, Row extends { id: number }>(
  list: List,
  searchParams: Promise<Query>,
  {
    read,
    describe,
    notice = null,
  }: {
    read: (administrator: Administrator, filter: FilterOf<List>, cursor: ListCursor | null) => Promise<ListPage<Row>>;
    describe: () => Promise<{ title: string; fields: FilterField[]; columns: Column<Row>[] }>;
    notice?: ReactNode;
  },
): Promise<ReactNode> {
  const query = await searchParams;
  const { filter } = readFilter(list, query);
  const fields: Record<string, string | undefined> = filter;
  const cursor = ListCursor.safeDecode(String(query.before ?? "")).data ?? null;
  const path = addressOf(list, { ...fields, before: cursor ? ListCursor.encode(cursor) : undefined });
  return renderConsolePage({ section: list, path }, async ({ administrator }) => {
    const [t, { rows, next }, { title, fields: form, columns }] = await Promise.all([
      getTranslations("admin.list"),
      read(administrator, filter, cursor),
      describe(),
    ]);
    const malformed = String(query.malformed ?? "").split(".");
    return (
      <>
        {notice}
        <h1 className="mb-5">{title}</h1>
        <FilterForm
          fields={form}
          filter={fields}
          action={applyFilter}
          hidden={{ list }}
          home={`/admin/${list}`}
          malformed={form.map(({ name }) => name).filter((name) => malformed.includes(name))}
        />
        {rows.length === 0 ? (
          <p aria-live="polite">{next ? t("nothingYet", { max: ROWS_EXAMINED_MAX }) : t("nothing")}</p>
        ) : (
          <ConsoleTable columns={columns} label={title} rows={rows} />
        )}
        <div className="mt-4 flex flex-wrap gap-x-6">
          {next && (
            <Link
              className="link"
              href={addressOf(list, { ...fields, before: ListCursor.encode(next) }) as Route}
              prefetch={false}
            >
              {t("older")}
            </Link>
          )}
          {cursor && (
            <Link className="link" href={addressOf(list, fields) as Route} prefetch={false}>
              {t("newest")}
            </Link>
          )}
          <a className="link md:ml-auto" href={`/api${addressOf(list, fields)}`}>
            {t("csv")}
          </a>
        </div>
      </>
    );
  });
}
