import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { keepRunning } from "@/lib/auth/after-answer";
import { type ConsolePath, consoleEntry } from "@/lib/auth/console";
import { mayChange } from "@/lib/core/administration/actor";
import { findImport, ImportId, type ImportRun, readResults } from "@/lib/core/administration/import-runs";
import { RESULTS_PER_PAGE } from "@/lib/core/administration/import-store";
import { workOnImportsInBackground } from "@/lib/core/administration/import-work";
import { ActForm } from "../../../act-form";
import { ConsoleMoment } from "../../../console-moment";
import { describeConsolePage, renderConsolePage } from "../../../console-page";
import { ConsoleTable } from "../../../console-table";
import { submitImport, submitStop } from "../actions";

/** How often the page of a file at work is loaded again, in seconds. */
const REFRESH_S = 5;

export async function generateMetadata() {
  const t = await getTranslations("admin.import");
  return describeConsolePage(t("title"));
}

/** A file of accounts: how far its check or import is, the form that imports it, and the result of each row. */
export default async function ImportRunPage({ params, searchParams }: PageProps<"/admin/people/import/[id]">) {
  const id = ImportId.safeParse((await params).id).data ?? 0;
  const query = await searchParams;
  const path: ConsolePath = `/admin/people/import/${id}`;
  return renderConsolePage({ section: "people", path }, async ({ administrator }) => {
    const run = await findImport(administrator, id);
    if (!run) return null;
    const { state, startedAt, ignoredColumns } = run;
    const isAtWork = state === "checking" || state === "importing";
    if (isAtWork) keepRunning(workOnImportsInBackground());
    const [t, act, code] = await Promise.all([
      getTranslations("admin.import"),
      getTranslations("admin.act"),
      getTranslations("code"),
    ]);
    const words = {
      submit: t("submit"),
      pending: act("pending"),
      offline: code("offline"),
      reason: act("reason"),
      reasonHint: act("reasonHint"),
    };
    const hasNew = run.results.some(({ result }) => result === "new");
    const shown = query.show === "refused" ? "refused" : "rows";
    const page = Number(/^\d{1,5}$/.exec(String(query.page ?? ""))?.[0] ?? 0);
    const lines = await readResults(administrator, { id, kind: shown, page });
    return (
      <>
        {isAtWork && <meta content={String(REFRESH_S)} httpEquiv="refresh" />}
        <Sheet>
          <h1>{t(`states.${state}`)}</h1>
          <p className="mt-1 text-small text-soft">
            {t("started")} <ConsoleMoment at={startedAt} />
          </p>
          <Progress run={run} />
          {isAtWork && (
            <p className="mt-3 text-soft">
              {t("refreshes", { seconds: REFRESH_S })}{" "}
              <a className="link" href={path}>
                {t("refresh")}
              </a>
            </p>
          )}
          {state === "stopped" && <p className="mt-3 text-soft">{t("stopped")}</p>}
          {ignoredColumns.length > 0 && (
            <p className="mt-3 break-words text-soft">
              {t("ignored")} {ignoredColumns.join(", ")}
            </p>
          )}
          {run.results.length > 0 && (
            <dl className="mt-5 border-line border-t">
              {run.results.map(({ result, count }) => (
                <div className="flex justify-between gap-x-6 border-line border-b py-3" key={result}>
                  <dt>{t(`results.${result}`)}</dt>
                  <dd className="font-semibold tabular-nums">{count}</dd>
                </div>
              ))}
            </dl>
          )}
          {state === "checked" && (
            <div className="mt-8">
              {!hasNew ? (
                <p>{t("nothing")}</p>
              ) : mayChange(administrator, new Date()) ? (
                <ActForm
                  action={submitImport}
                  fields={[]}
                  hidden={{ id: String(id) }}
                  takesAway={false}
                  words={words}
                />
              ) : (
                <Link className="link" href={consoleEntry(path)}>
                  {t("codes")}
                </Link>
              )}
            </div>
          )}
          {(isAtWork || state === "checked") && (
            <form action={submitStop} className="mt-5">
              <input name="id" type="hidden" value={id} />
              <SubmitButton offline={words.offline} pending={words.pending} quiet>
                {isAtWork ? t("stop") : t("discard")}
              </SubmitButton>
            </form>
          )}
          <p className="mt-6">
            <Link className="link" href="/admin/people/import">
              {t("all")}
            </Link>
          </p>
        </Sheet>
        {lines && <Results all={lines} page={page} path={path} run={run} shown={shown} />}
      </>
    );
  });
}

async function Progress({ run: { rows, done } }: { run: ImportRun }) {
  const t = await getTranslations("admin.import");
  if (rows === null) return <p className="mt-5">{t("reading")}</p>;
  const text = t("progress", { done, rows });
  return (
    <div className="mt-5">
      <progress aria-label={text} className="h-2 w-full accent-red" max={Math.max(rows, 1)} value={done} />
      <p className="text-small tabular-nums">{text}</p>
    </div>
  );
}

/** A page of the rows with their results, or of the refused ones. */
async function Results({
  all,
  page,
  path,
  run,
  shown,
}: {
  all: [number, ImportRun["results"][number]["result"]][];
  page: number;
  path: ConsolePath;
  run: ImportRun;
  shown: "rows" | "refused";
}) {
  const t = await getTranslations("admin.import");
  const hrefOf = (show: typeof shown, number: number) => `${path}?show=${show}&page=${number}` as Route;
  const accepted = run.results.filter(({ result }) => result === "new" || result === "exists");
  const refused = run.done - accepted.reduce((sum, { count }) => sum + count, 0);
  const pages = Math.ceil((shown === "rows" ? run.done : refused) / RESULTS_PER_PAGE);
  return (
    <section className="mt-8">
      <h2 className="mb-3">{t(`show.${shown}`)}</h2>
      <ConsoleTable
        columns={[
          { name: "line", label: t("line"), cellOf: ({ id }) => id },
          { name: "result", label: t("result"), cellOf: ({ result }) => t(`results.${result}`) },
        ]}
        label={t(`show.${shown}`)}
        rows={all.map(([line, result]) => ({ id: line, result }))}
      />
      <p className="mt-4 flex flex-wrap gap-x-6">
        {page > 0 && (
          <Link className="link" href={hrefOf(shown, page - 1)} prefetch={false}>
            {t("previous")}
          </Link>
        )}
        {page + 1 < pages && (
          <Link className="link" href={hrefOf(shown, page + 1)} prefetch={false}>
            {t("next")}
          </Link>
        )}
        {shown === "refused" && (
          <Link className="link" href={hrefOf("rows", 0)} prefetch={false}>
            {t("show.rows")}
          </Link>
        )}
        {shown === "rows" && refused > 0 && (
          <Link className="link" href={hrefOf("refused", 0)} prefetch={false}>
            {t("show.refused")}
          </Link>
        )}
      </p>
    </section>
  );
}
