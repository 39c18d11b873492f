"use server";

import type { Route } from "next";
import { notFound, RedirectType, redirect } from "next/navigation";
import { readAct } from "@/app/admin/act-answers";
import type { ActFormState } from "@/app/admin/act-form";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { liftLimitsOfRecipient } from "@/lib/core/administration/lift-limits";
import { RECIPIENT_HASH_PATTERN } from "@/lib/core/administration/recipients";

/** Ends the wait of a recipient without an account and redirects to its page. After an error, returns what was typed and the error. */
export async function liftLimitsOfThis(state: ActFormState, form: FormData): Promise<ActFormState> {
  const hash = String(form.get("hash"));
  if (!RECIPIENT_HASH_PATTERN.test(hash)) return notFound();
  const path = `/admin/recipients/${hash}/lift-limits` as const;
  const { administrator } = await requireConsole(path);
  const { reason, again } = await readAct(state, form);
  if (reason === null) return again;
  const done = await liftLimitsOfRecipient(administrator, { hash, reason });
  if (done.ok) return redirect(`/admin/recipients/${hash}?done=lift-limits` as Route, RedirectType.replace);
  switch (done.failure.name) {
    case "login_too_old":
      return redirect(consoleEntry(path), RedirectType.replace);
    case "recipient_unknown":
      return notFound();
  }
}
