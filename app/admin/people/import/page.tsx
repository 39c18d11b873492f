import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { Sheet } from "@/components/sheet";
import { consoleEntry } from "@/lib/auth/console";
import { mayChange } from "@/lib/core/administration/accounts";
import { ImportResult } from "@/lib/core/administration/import-file";
import { IMPORT_FILE_BYTES_MAX } from "@/lib/core/policy";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { submitImport } from "./actions";
import { ImportForm } from "./import-form";

const PATH = "/admin/people/import";

export async function generateMetadata() {
  const t = await getTranslations("admin.import");
  return describeConsolePage(t("title"));
}

/** Imports accounts from a CSV file, after a dry run that shows what becomes of each line. */
export default async function ImportPage() {
  return renderConsolePage({ section: "people", path: PATH }, async ({ administrator }) => {
    if (!mayChange(administrator, new Date())) redirect(consoleEntry(PATH));
    const [t, act, code] = await Promise.all([
      getTranslations("admin.import"),
      getTranslations("admin.act"),
      getTranslations("code"),
    ]);
    const words = {
      file: t("file"),
      fileHint: t("fileHint", { kilobytes: IMPORT_FILE_BYTES_MAX / 1024 }),
      check: t("check"),
      submit: t("submit"),
      pending: act("pending"),
      offline: code("offline"),
      reason: act("reason"),
      reasonHint: act("reasonHint"),
      checked: t("checked"),
      done: t("done"),
      ignored: t("ignored"),
      line: t("line"),
      results: Object.fromEntries(ImportResult.options.map((result) => [result, t(`results.${result}`)])) as Record<
        ImportResult,
        string
      >,
    };
    return (
      <Sheet>
        <h1>{t("title")}</h1>
        <p className="mt-3 mb-6 text-soft">{t("lead")}</p>
        <ImportForm action={submitImport} words={words} />
        <p className="mt-6">
          <Link className="link" href="/admin/people">
            {t("back")}
          </Link>
        </p>
      </Sheet>
    );
  });
}
