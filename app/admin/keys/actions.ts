"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getFormatter, getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { AccountId } from "@/lib/core/administration/search";
import { LastDay } from "@/lib/core/administration/test-numbers";
import { KeyName, makeApiKey, revokeApiKey, Scopes } from "@/lib/core/keys/api-keys";
import { API_KEY_NAME_LENGTH_MAX } from "@/lib/core/policy";
import { env } from "@/lib/env";
import { readBoxes, readForm, showOnce } from "../act-answers";
import type { ActFormState } from "../act-form";

/** Returns the function that words a problem of a key. */
async function problemWords() {
  const t = await getTranslations("admin.keys.problems");
  return (problem: string) => t(problem as "name_too_long", { max: API_KEY_NAME_LENGTH_MAX });
}

/** Makes an API key and shows it, once. After an error, returns what was typed and the errors. */
export async function makeKey(state: ActFormState, form: FormData): Promise<ActFormState> {
  const path = "/admin/keys/new";
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  const until = String(form.get("until") ?? "").trim();
  const name = KeyName.safeParse(form.get("name") ?? "");
  const scopes = Scopes.safeParse(readBoxes(form, "scopes"));
  const endsAt = LastDay.nullable().safeParse(until || null);
  const errors: Record<string, string> = { ...reasonError };
  for (const [field, parsed] of Object.entries({ name, scopes, until: endsAt })) {
    if (!parsed.success) errors[field] = word(parsed.error.issues[0]?.message ?? "");
  }
  if (!name.success || !scopes.success || !endsAt.success || reason === null) return refuseAll(errors);
  const made = await makeApiKey(administrator, {
    name: name.data,
    scopes: scopes.data,
    endsAt: endsAt.data,
    reason,
  });
  if (!made.ok) {
    if (made.failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
    return refuseAll({ until: word(made.failure.name) });
  }
  const [t, format] = await Promise.all([getTranslations("admin.keys.made"), getFormatter()]);
  // The end is the first moment after the last day.
  const lastDay = endsAt.data && new Date(endsAt.data.getTime() - 1);
  const end = lastDay && format.dateTime(lastDay, { timeZone: env.TIME_ZONE, dateStyle: "long" });
  return showOnce({
    title: t("title", { name: name.data }),
    lead: end ? t("leadWithEnd", { end }) : t("lead"),
    values: [{ name: "key", label: t("key"), hint: t("keyHint"), value: made.value.key }],
  });
}

/** Revokes a key and redirects to the list. After an error, returns what was typed and the error. */
export async function revokeKey(state: ActFormState, form: FormData): Promise<ActFormState> {
  const id = AccountId.safeParse(form.get("id")).data;
  if (id === undefined) return notFound();
  const path = `/admin/keys/${id}/revoke` as const;
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  if (reason === null) return refuseAll(reasonError);
  const revoked = await revokeApiKey(administrator, { id, reason });
  if (revoked.ok) return redirect("/admin/keys?done=revoked", RedirectType.replace);
  if (revoked.failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  return refuseAll({ act: word(revoked.failure.name) });
}
