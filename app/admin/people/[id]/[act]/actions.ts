"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { readAct } from "@/app/admin/act-answers";
import type { ActFormState } from "@/app/admin/act-form";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { AccountId } from "@/lib/core/administration/search";
import { ActName, doAct } from "../acts";

/** Does an act on a person and redirects to the person's page. After an error, returns what was typed and the error. */
export async function performOnPerson(state: ActFormState, form: FormData): Promise<ActFormState> {
  const [id, name] = [AccountId.safeParse(form.get("id")), ActName.safeParse(form.get("act"))];
  if (!id.success || !name.success) return notFound();
  const path = `/admin/people/${id.data}/${name.data}` as const;
  const { administrator } = await requireConsole(path);
  const { reason, again, refuse } = await readAct(state, form);
  if (reason === null) return again;

  const done = await doAct(name.data, administrator, { userId: id.data, reason }, form);
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
