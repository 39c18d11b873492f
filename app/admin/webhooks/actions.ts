"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { consoleEntry, requireConsole } from "@/lib/auth/console";
import { replayDeliveries } from "@/lib/core/events/webhook-deliveries";
import {
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  makeWebhookEndpoint,
  rotateWebhookSecret,
  type ShownKeys,
  sendTestEvent,
} from "@/lib/core/events/webhook-endpoints";
import { WEBHOOK_DESCRIPTION_LENGTH_MAX, WEBHOOK_ENDPOINTS_MAX, WEBHOOK_URL_LENGTH_MAX } from "@/lib/core/policy";
import { readForm, showOnce } from "../act-answers";
import type { ActFormState } from "../act-form";
import { deliveriesOf, endpointAddress, readDeliveryFilter } from "./delivery-filter";
import { ActName, DeliveryId } from "./endpoint-acts";
import { EndpointId, readEndpoint } from "./endpoint-form";

/** What each problem of an endpoint says is the most. */
const MAX: Partial<Record<string, number>> = {
  too_long: WEBHOOK_URL_LENGTH_MAX,
  description_too_long: WEBHOOK_DESCRIPTION_LENGTH_MAX,
  endpoints_full: WEBHOOK_ENDPOINTS_MAX,
};

/** Returns the function that words the problem of a field. */
async function problemWords() {
  const t = await getTranslations("admin.webhooks.problems");
  return (problem: string) => t(problem as "too_long", { max: MAX[problem] ?? 0 });
}

type Failure = { name: string; problem?: string };

/** Returns the field that a failure concerns, with its words; `act` for the whole form. */
async function describeFailure({ name, problem }: Failure): Promise<Record<string, string>> {
  const word = await problemWords();
  return problem === undefined ? { act: word(name) } : { url: word(problem) };
}

/** Returns the state that shows the secrets of an endpoint, once. */
async function showSecrets(title: "made" | "rotated", { secret, publicKey }: ShownKeys): Promise<ActFormState> {
  const t = await getTranslations("admin.webhooks.secret");
  return showOnce({
    title: t(title),
    lead: t("lead"),
    values: [
      { name: "secret", label: t("secret"), hint: t("secretHint"), value: secret },
      { name: "publicKey", label: t("publicKey"), hint: t("publicKeyHint"), value: publicKey },
    ],
  });
}

/** Makes an endpoint and shows its secrets, once. After an error, returns what was typed and the errors. */
export async function makeEndpoint(state: ActFormState, form: FormData): Promise<ActFormState> {
  const path = "/admin/webhooks/new";
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  const { choice, problems } = readEndpoint(form);
  const errors = Object.fromEntries(Object.entries(problems).map(([field, problem]) => [field, word(problem)]));
  if (!choice || reason === null) return refuseAll({ ...errors, ...reasonError });
  const made = await makeWebhookEndpoint(administrator, { ...choice, reason });
  if (made.ok) return showSecrets("made", made.value);
  if (made.failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
  return refuseAll(await describeFailure(made.failure));
}

/** Does an act on an endpoint, and redirects to its page or shows what it made. After an error, returns what was typed and the errors. */
export async function actOnEndpoint(state: ActFormState, form: FormData): Promise<ActFormState> {
  const [id, act] = [EndpointId.safeParse(form.get("id")).data, ActName.safeParse(form.get("act")).data];
  if (id === undefined || act === undefined) return notFound();
  const path = endpointAddress(id, {}, `/${act}`);
  const { administrator } = await requireConsole(path);
  const [{ reason, reasonError, refuseAll }, word] = await Promise.all([readForm(state, form), problemWords()]);
  const { choice, problems } = act === "change" ? readEndpoint(form) : { choice: {}, problems: {} };
  const errors = Object.fromEntries(Object.entries(problems).map(([field, problem]) => [field, word(problem)]));
  if (!choice || reason === null) return refuseAll({ ...errors, ...reasonError });
  const refuse = async (failure: Failure) => {
    if (failure.name === "login_too_old") return redirect(consoleEntry(path), RedirectType.replace);
    return refuseAll(await describeFailure(failure));
  };
  switch (act) {
    case "change": {
      const version = Number(form.get("version"));
      const changed = await changeWebhookEndpoint(administrator, id, choice, { version, reason });
      return changed.ok
        ? redirect(endpointAddress(id, { done: "changed" }), RedirectType.replace)
        : refuse(changed.failure);
    }
    case "pause":
    case "resume": {
      const isPaused = act === "pause";
      const changed = await changeWebhookEndpoint(administrator, id, { isPaused }, { reason });
      const done = isPaused ? "paused" : "resumed";
      return changed.ok ? redirect(endpointAddress(id, { done }), RedirectType.replace) : refuse(changed.failure);
    }
    case "rotate": {
      const rotated = await rotateWebhookSecret(administrator, id, { reason });
      return rotated.ok ? showSecrets("rotated", rotated.value) : refuse(rotated.failure);
    }
    case "delete": {
      const deleted = await deleteWebhookEndpoint(administrator, id, { reason });
      return deleted.ok ? redirect("/admin/webhooks?done=deleted", RedirectType.replace) : refuse(deleted.failure);
    }
    case "replay": {
      const deliveryId = DeliveryId.safeParse(form.get("delivery")).data;
      const { filter } = readDeliveryFilter(Object.fromEntries(form));
      const what = deliveryId === undefined ? deliveriesOf(filter) : { deliveryId };
      const replayed = await replayDeliveries(administrator, id, what, { reason });
      if (!replayed.ok) return refuse(replayed.failure);
      const { count } = replayed.value;
      return redirect(endpointAddress(id, { done: "replayed", count: String(count) }), RedirectType.replace);
    }
  }
}

/** Sends an endpoint a test event. Its page says that it is on its way, or why not. */
export async function sendTest(form: FormData): Promise<void> {
  const id = EndpointId.safeParse(form.get("id")).data ?? notFound();
  const { administrator } = await requireConsole(endpointAddress(id));
  const sent = await sendTestEvent(administrator, id);
  if (sent.ok) redirect(endpointAddress(id, { done: "tested" }), RedirectType.replace);
  const { name } = sent.failure;
  if (name === "login_too_old") redirect(consoleEntry(endpointAddress(id)), RedirectType.replace);
  redirect(endpointAddress(id, { problem: name }), RedirectType.replace);
}

/** Redirects to an endpoint's page with the filter of the form. Fields that it doesn't understand are left out, and only named. */
export async function applyDeliveryFilter(form: FormData): Promise<void> {
  const id = EndpointId.safeParse(form.get("id")).data ?? notFound();
  await requireConsole(endpointAddress(id));
  const { filter, malformed } = readDeliveryFilter(Object.fromEntries(form));
  redirect(endpointAddress(id, { ...filter, malformed: malformed.join(".") }));
}
