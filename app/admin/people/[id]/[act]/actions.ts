"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import type { ActFormState } from "@/app/admin/act-form";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { Reason } from "@/lib/core/administration/acts";
import { AccountId } from "@/lib/core/administration/search";
import { REASON_LENGTH_MAX } from "@/lib/core/policy";
import { ActName, doAct } from "../acts";

/** Does an act on a person and redirects to the person's page. After an error, returns what was typed and the error. */
export async function performOnPerson(state: ActFormState, form: FormData): Promise<ActFormState> {
  const [id, name] = [AccountId.safeParse(form.get("id")), ActName.safeParse(form.get("act"))];
  if (!id.success || !name.success) return notFound();
  const path = `/admin/people/${id.data}/${name.data}` as const;
  const { administrator } = await requireConsole(path);
  const t = await getTranslations("admin.act.problems");
  const refuse = (field: string, problem: Parameters<typeof t>[0]) => ({
    typed: Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    errors: { [field]: t(problem, { max: REASON_LENGTH_MAX }) },
    attempt: (state?.attempt ?? 0) + 1,
  });
  const reason = Reason.safeParse(form.get("reason"));
  if (!reason.success) return refuse("reason", form.get("reason") ? "reason_too_long" : "reason_missing");

  const done = await doAct(name.data, administrator, { userId: id.data, reason: reason.data }, form);
  if (done.ok) {
    const page = name.data === "delete" ? "/admin/people" : (`/admin/people/${id.data}` as const);
    return redirect(`${page}?done=${name.data}`, RedirectType.replace);
  }
  switch (done.failure.name) {
    case "login_too_old":
      return redirect(consoleEntry(path), RedirectType.replace);
    case "account_unknown":
      return notFound();
    default:
      return refuse("act", done.failure.name);
  }
}
