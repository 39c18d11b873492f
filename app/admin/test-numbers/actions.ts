"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { Reason } from "@/lib/core/administration/acts";
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
import { REASON_LENGTH_MAX } from "@/lib/core/policy";
import type { ActFormState } from "../act-form";

/** Returns functions that refuse a form with the errors of its fields, and that read its reason. */
async function readerOf(state: ActFormState, form: FormData) {
  const [t, act] = await Promise.all([
    getTranslations("admin.testNumbers.problems"),
    getTranslations("admin.act.problems"),
  ]);
  const refuse = (errors: Record<string, string>) => ({
    typed: Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    errors,
    attempt: (state?.attempt ?? 0) + 1,
  });
  const word = (problem: string) => t(problem as "end_invalid", { day: latestLastDay() });
  const reason = Reason.safeParse(form.get("reason") ?? "");
  const reasonError = reason.success
    ? {}
    : { reason: act(form.get("reason") ? "reason_too_long" : "reason_missing", { max: REASON_LENGTH_MAX }) };
  return { refuse, word, reason: reason.data ?? null, reasonError };
}

/** Makes a test number and redirects to the list. After an error, returns what was typed and the errors. */
export async function makeNumber(state: ActFormState, form: FormData): Promise<ActFormState> {
  const path = "/admin/test-numbers/new";
  const { administrator } = await requireConsole(path);
  const { refuse, word, reason, reasonError } = await readerOf(state, form);
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const phone = Phone.safeParse(text("phone"));
  const code = FixedCode.safeParse(text("code"));
  const until = LastDay.safeParse(text("until"));
  const note = Note.safeParse(text("note"));
  const errors: Record<string, string> = { ...reasonError };
  for (const [name, parsed] of Object.entries({ phone, code, until, note })) {
    if (!parsed.success) errors[name] = word(parsed.error.issues[0]?.message ?? "");
  }
  if (!phone.success || !code.success || !until.success || !note.success || reason === null) return refuse(errors);
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
  return refuse({ [field]: word(name) });
}

/** Ends a test number and redirects to the list. After an error, returns what was typed and the error. */
export async function endNumber(state: ActFormState, form: FormData): Promise<ActFormState> {
  const id = AccountId.safeParse(form.get("id")).data;
  if (id === undefined) return notFound();
  const path = `/admin/test-numbers/${id}/end` as const;
  const { administrator } = await requireConsole(path);
  const { refuse, word, reason, reasonError } = await readerOf(state, form);
  if (reason === null) return refuse(reasonError);
  const ended = await endTestNumber(administrator, { id, reason });
  if (ended.ok) return redirect("/admin/test-numbers?done=ended", RedirectType.replace);
  if (ended.failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  return refuse({ act: word(ended.failure.name) });
}
