import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { FieldError } from "@/components/field-error";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { consoleEntry } from "@/lib/auth/console";
import { mayChange } from "@/lib/core/administration/actor";
import { listImports } from "@/lib/core/administration/import-runs";
import { IMPORT_FILE_BYTES_MAX } from "@/lib/core/policy";
import { ConsoleMoment } from "../../console-moment";
import { describeConsolePage, renderConsolePage } from "../../console-page";

const PATH = "/admin/people/import";

/** The problems of an upload, as its address names them. */
const PROBLEMS = [
  "file_missing",
  "file_too_large",
  "header_unknown",
  "column_repeated",
  "import_unfinished",
  "budget_spent",
] as const;

export async function generateMetadata() {
  const t = await getTranslations("admin.import");
  return describeConsolePage(t("title"));
}

/** Takes a CSV file of accounts, and lists the administrator's files of the last day. */
export default async function ImportPage({ searchParams }: PageProps<"/admin/people/import">) {
  const { problem: named } = await searchParams;
  return renderConsolePage({ section: "people", path: PATH }, async ({ administrator }) => {
    if (!mayChange(administrator, new Date())) redirect(consoleEntry(PATH));
    const [t, code, runs] = await Promise.all([
      getTranslations("admin.import"),
      getTranslations("code"),
      listImports(administrator),
    ]);
    const problem = PROBLEMS.find((one) => one === named);
    const megabytes = IMPORT_FILE_BYTES_MAX / 1024 / 1024;
    return (
      <Sheet>
        <h1>{t("title")}</h1>
        <p className="mt-3 mb-6 text-soft">{t("lead")}</p>
        <form action="/api/admin/imports" encType="multipart/form-data" method="post" noValidate>
          <label className="mb-2 block font-semibold text-small" htmlFor="file">
            {t("file")}
          </label>
          <p className="mb-3 text-small text-soft" id="file-hint">
            {t("fileHint", { megabytes })}
          </p>
          <input
            accept=".csv,text/csv"
            aria-describedby={problem ? "file-error file-hint" : "file-hint"}
            aria-invalid={problem !== undefined}
            className="block min-h-11 w-full max-w-full file:mr-3 file:min-h-11 file:cursor-pointer file:rounded-card file:border file:border-edge file:border-solid file:bg-transparent file:px-4 file:font-semibold"
            id="file"
            name="file"
            type="file"
          />
          {problem && <FieldError id="file-error">{t(`problems.${problem}`, { megabytes })}</FieldError>}
          <div className="mt-5">
            <SubmitButton offline={code("offline")} pending={t("check")} quiet>
              {t("check")}
            </SubmitButton>
          </div>
        </form>
        {runs.length > 0 && (
          <section className="mt-8">
            <h2 className="mb-3">{t("runs")}</h2>
            <ul className="border-line border-t">
              {runs.map(({ id, startedAt, state, done, rows }) => (
                <li className="border-line border-b py-3" key={id}>
                  <Link className="link" href={`/admin/people/import/${id}`}>
                    <ConsoleMoment at={startedAt} />
                  </Link>
                  <p className="text-small text-soft tabular-nums">
                    {rows === null ? t(`states.${state}`) : t("run", { state: t(`states.${state}`), done, rows })}
                  </p>
                </li>
              ))}
            </ul>
          </section>
        )}
        <p className="mt-6">
          <Link className="link" href="/admin/people">
            {t("back")}
          </Link>
        </p>
      </Sheet>
    );
  });
}
