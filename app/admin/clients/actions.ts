"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import {
  changeClient,
  makeClient,
  removeClient,
  renewClientSecret,
  setClientDisabled,
} from "@/lib/core/administration/clients";
import { ClientId, findClient } from "@/lib/core/oauth/clients";
import { CLIENT_NAME_LENGTH_MAX, CLIENTS_MAX, REDIRECT_URIS_MAX } from "@/lib/core/policy";
import { readForm, showOnce } from "../act-answers";
import type { ActFormState } from "../act-form";
import { ActName, clientAddress } from "./client-acts";
import { type FieldProblem, readClientForm } from "./client-form";

/** The limit that the sentence of a problem names. */
const MAX: Partial<Record<string, number>> = {
  name_too_long: CLIENT_NAME_LENGTH_MAX,
  redirect_uris_too_many: REDIRECT_URIS_MAX,
  clients_full: CLIENTS_MAX,
};

/** Returns the function that words a problem of an application. */
async function problemWords() {
  const t = await getTranslations("admin.clients.problems");
  return ({ name, uri }: FieldProblem) => t(name as "redirect_uri_invalid", { uri, max: MAX[name] ?? 0 });
}

/** Returns the state that shows the id of an application and its secret, once. */
async function showSecret(
  title: "made" | "renewed",
  { id, secret }: { id: string; secret: string | null },
): Promise<ActFormState> {
  const t = await getTranslations("admin.clients.secret");
  const name = { name: "clientId", label: "client_id", hint: t("idHint"), value: id };
  if (secret === null) return showOnce({ title: t(title), lead: t("leadPublic"), values: [name] });
  const shown = { name: "clientSecret", label: "client_secret", hint: t("secretHint"), value: secret };
  return showOnce({ title: t(title), lead: t("lead"), values: [name, shown] });
}

/**
 * Makes an application and shows its secret, once. The form has the new `client_id`, so a form that is sent twice makes one application,
 * and then redirects to its page. After an error, returns what was typed and the errors.
 */
export async function addApplication(state: ActFormState, form: FormData): Promise<ActFormState> {
  const path = "/admin/clients/new";
  const id = ClientId.safeParse(form.get("id")).data ?? notFound();
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  const { settings, problems } = readClientForm(form, { isPublic: form.get("kind") === "public" });
  if (!settings || reason === null) return refuseAll({ ...wordAll(problems, word), ...reasonError });
  const made = await makeClient(administrator, { id, settings, reason });
  if (made.ok) return showSecret("made", made.value);
  const { name } = made.failure;
  if (name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  if (name === "client_known") return redirect(clientAddress(id, { done: "known" }), RedirectType.replace);
  return refuseAll({ act: word({ name, uri: "" }) });
}

function wordAll(problems: Record<string, FieldProblem> | null, word: (problem: FieldProblem) => string) {
  return Object.fromEntries(Object.entries(problems ?? {}).map(([field, problem]) => [field, word(problem)]));
}

/** Does an act on an application, and redirects to its page or shows the new secret. After an error, returns what was typed and the errors. */
export async function actOnApplication(state: ActFormState, form: FormData): Promise<ActFormState> {
  const [id, act] = [ClientId.safeParse(form.get("id")).data, ActName.safeParse(form.get("act")).data];
  if (id === undefined || act === undefined) return notFound();
  const path = clientAddress(id, { act });
  const { administrator } = await requireConsole(path);
  const client = (await findClient(id)) ?? notFound();
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  const { settings, problems } = act === "change" ? readClientForm(form, client) : { settings: null, problems: {} };
  if ((act === "change" && !settings) || reason === null)
    return refuseAll({ ...wordAll(problems, word), ...reasonError });
  const refuse = ({ name }: { name: string }): ActFormState => {
    if (name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
    return refuseAll({ act: word({ name, uri: "" }) });
  };
  const goOn = (done: string) => redirect(clientAddress(id, { done }), RedirectType.replace);
  switch (act) {
    case "change": {
      if (!settings) return notFound();
      const versions = [String(form.get("version"))];
      const changed = await changeClient(administrator, { id, settings, versions, reason });
      return changed.ok ? goOn("changed") : refuse(changed.failure);
    }
    case "renew-secret": {
      const renewed = await renewClientSecret(administrator, { id, reason });
      return renewed.ok ? showSecret("renewed", { id, ...renewed.value }) : refuse(renewed.failure);
    }
    case "disable":
    case "enable": {
      const isDisabled = act === "disable";
      const set = await setClientDisabled(administrator, { id, isDisabled, reason });
      return set.ok ? goOn(isDisabled ? "disabled" : "enabled") : refuse(set.failure);
    }
    case "remove": {
      const removed = await removeClient(administrator, { id, reason });
      return removed.ok ? redirect("/admin/clients?done=removed", RedirectType.replace) : refuse(removed.failure);
    }
  }
}
