"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { beginImport, ImportId, stopImport } from "@/lib/core/administration/import-runs";
import { readAct } from "../../act-answers";
import type { ActFormState } from "../../act-form";

const pathOf = (id: ImportId) => `/admin/people/import/${id}` as const;

/** Begins the import of a file that was checked, and shows its page. After an error, returns what was typed and the errors. */
export async function submitImport(state: ActFormState, form: FormData): Promise<ActFormState> {
  const id = ImportId.safeParse(form.get("id")).data ?? notFound();
  const path = pathOf(id);
  const { administrator } = await requireConsole(path);
  const act = await readAct(state, form);
  if (act.reason === null) return act.again;
  const begun = await beginImport(administrator, { id, reason: act.reason });
  if (begun.ok) return redirect(path, RedirectType.replace);
  if (begun.failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  const t = await getTranslations("admin.import.problems");
  return { typed: { reason: act.reason }, errors: { act: t("import_unknown") }, attempt: (state?.attempt ?? 0) + 1 };
}

/** Stops the check or the import of a file, and shows its page. */
export async function submitStop(form: FormData): Promise<void> {
  const id = ImportId.safeParse(form.get("id")).data ?? notFound();
  const { administrator } = await requireConsole(pathOf(id));
  await stopImport(administrator, id);
  redirect(pathOf(id), RedirectType.replace);
}
