"use server";

import { RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { Reason } from "@/lib/core/administration/acts";
import { importUpload } from "@/lib/core/administration/upload";
import { IMPORT_FILE_BYTES_MAX, REASON_LENGTH_MAX } from "@/lib/core/policy";
import type { ImportFormState } from "./import-form";

const PATH = "/admin/people/import";

/**
 * Checks a file of accounts, or imports the file that was checked before: the button says which. The file's text travels in the form,
 * so that the server keeps none.
 */
export async function submitImport(state: ImportFormState, form: FormData): Promise<ImportFormState> {
  const { administrator } = await requireConsole(PATH);
  const [t, problems] = await Promise.all([getTranslations("admin.import"), getTranslations("admin.act.problems")]);
  const isCheck = form.get("step") !== "import";
  const file = form.get("file");
  const given = isCheck && file instanceof File && file.size > 0 ? await file.text() : String(form.get("text") ?? "");
  // A form without JavaScript sends each end of line as two characters.
  const text = given.replaceAll("\r\n", "\n");
  const typed = String(form.get("reason") ?? "");
  const answer = {
    text,
    typed,
    attempt: (state?.attempt ?? 0) + 1,
    errors: {},
    results: [],
    ignored: [],
    isDone: false,
  };
  if (text === "") return { ...answer, errors: { file: t("problems.file_missing") } };
  const reason = isCheck ? null : Reason.safeParse(typed);
  if (reason?.success === false) {
    const problem = typed ? "reason_too_long" : "reason_missing";
    return {
      ...answer,
      ...(state && { results: state.results }),
      errors: { reason: problems(problem, { max: REASON_LENGTH_MAX }) },
    };
  }

  const done = await importUpload(administrator, { text, reason: reason?.data ?? null });
  if (!done.ok) {
    if (done.failure.name === "login_too_old") return redirect(consoleEntry(PATH), RedirectType.replace);
    const column = "column" in done.failure ? done.failure.column : "";
    const error = t(`problems.${done.failure.name}`, { kilobytes: IMPORT_FILE_BYTES_MAX / 1024, column });
    return { ...answer, text: "", errors: { file: error } };
  }
  const { lines, ignoredColumns } = done.value;
  return {
    ...answer,
    text: isCheck ? text : "",
    ignored: ignoredColumns,
    results: lines.map(({ result, lines: all }) => ({ result, count: all.length, lines: spellRanges(all) })),
    isDone: !isCheck,
  };
}

/** Spells numbers in order as ranges: `2–5, 9`. */
function spellRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}–${last}`)).join(", ");
}
