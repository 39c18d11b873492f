import type { Route } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { type Column, ConsoleTable } from "./console-table";
import { DoneNotice } from "./done-notice";

/**
 * The content of a page that lists all things of a kind, such as API keys: a notice of what has just been done, a link to the form that
 * makes a further one, and a table. `t` has the words of the page.
 */
export function ShortList<Row extends { id: number | string }>({
  t,
  done = false,
  lead,
  formHref,
  columns,
  rows,
}: {
  t: (key: "title" | "new" | "empty") => string;
  done?: { name: string; words: string } | false;
  lead: ReactNode;
  formHref: Route;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
}) {
  return (
    <>
      {done && <DoneNotice done={done.name}>{done.words}</DoneNotice>}
      <h1>{t("title")}</h1>
      <p className="mt-3 max-w-[70ch] text-soft">{lead}</p>
      <p className="mt-5 mb-6 flex">
        <Link className="button-quiet w-auto px-4" href={formHref} prefetch={false}>
          {t("new")}
        </Link>
      </p>
      {rows.length === 0 ? (
        <p className="text-soft">{t("empty")}</p>
      ) : (
        <ConsoleTable columns={columns} label={t("title")} rows={rows} />
      )}
    </>
  );
}

/** A link in a sentence to the reference of the APIs. */
export const linkReference = (text: ReactNode) => (
  <a className="underline underline-offset-4" href="/docs">
    {text}
  </a>
);
