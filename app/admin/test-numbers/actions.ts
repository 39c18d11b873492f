"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { AccountId } from "@/lib/core/administration/search";
import {
  endTestNumber,
  FixedCode,
  LastDay,
  latestLastDay,
  makeTestNumber,
  Note,
} from "@/lib/core/administration/test-numbers";
import { Phone } from "@/lib/core/identity/phone";
import { readForm } from "../act-answers";
import type { ActFormState } from "../act-form";

/** Returns the function that words a problem of a test number. */
async function problemWords() {
  const t = await getTranslations("admin.testNumbers.problems");
  return (problem: string) => t(problem as "end_invalid", { day: latestLastDay() });
}

/** Makes a test number and redirects to the list. After an error, returns what was typed and the errors. */
export async function makeNumber(state: ActFormState, form: FormData): Promise<ActFormState> {
  const path = "/admin/test-numbers/new";
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const phone = Phone.safeParse(text("phone"));
  const code = FixedCode.safeParse(text("code"));
  const until = LastDay.safeParse(text("until"));
  const note = Note.safeParse(text("note"));
  const errors: Record<string, string> = { ...reasonError };
  for (const [name, parsed] of Object.entries({ phone, code, until, note })) {
    if (!parsed.success) errors[name] = word(parsed.error.issues[0]?.message ?? "");
  }
  if (!phone.success || !code.success || !until.success || !note.success || reason === null) return refuseAll(errors);
  const made = await makeTestNumber(administrator, {
    phone: phone.data,
    code: code.data,
    until: until.data,
    note: note.data,
    reason,
  });
  if (made.ok) return redirect("/admin/test-numbers?done=made", RedirectType.replace);
  const { name } = made.failure;
  if (name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  const field =
    ({ end_invalid: "until", code_guessable: "code" } as Partial<Record<typeof name, string>>)[name] ?? "phone";
  return refuseAll({ [field]: word(name) });
}

/** Ends a test number and redirects to the list. After an error, returns what was typed and the error. */
export async function endNumber(state: ActFormState, form: FormData): Promise<ActFormState> {
  const id = AccountId.safeParse(form.get("id")).data;
  if (id === undefined) return notFound();
  const path = `/admin/test-numbers/${id}/end` as const;
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  if (reason === null) return refuseAll(reasonError);
  const ended = await endTestNumber(administrator, { id, reason });
  if (ended.ok) return redirect("/admin/test-numbers?done=ended", RedirectType.replace);
  if (ended.failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  return refuseAll({ act: word(ended.failure.name) });
}
