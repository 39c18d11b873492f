import { getTranslations } from "next-intl/server";
import { z } from "zod";
import { EVENT_TYPES, type EventType, isAccountEventType } from "@/lib/core/events/event-types";
import { WebhookDescription, type WebhookEndpoint, WebhookTypes } from "@/lib/core/events/webhook-endpoints";
import { readBoxes } from "../act-answers";
import type { ActField } from "../act-form";

/** The id of an endpoint, as an address has it. */
export const EndpointId = z.string().regex(/^we_[\w-]{22}$/);

/** The groups of types in the form, by what stands before the dot of a type's name. The other types are those of the service. */
const ACCOUNT_GROUPS = { accounts: ["account", "identifier"], sessions: ["session"], invites: ["invite"] } as const;

/** Returns the types of events in the groups of the form. */
function groupsOfTypes() {
  const groups = Object.entries(ACCOUNT_GROUPS).map(([name, prefixes]) => ({
    name: name as keyof typeof ACCOUNT_GROUPS,
    types: EVENT_TYPES.filter((type) => prefixes.some((prefix) => type.startsWith(`${prefix}.`))),
  }));
  return [...groups, { name: "service" as const, types: EVENT_TYPES.filter((type) => !isAccountEventType(type)) }];
}

/** Returns the fields of the form of an endpoint, filled with what one has already. */
export async function endpointFields(endpoint: WebhookEndpoint | null): Promise<ActField[]> {
  const [t, groups, words] = await Promise.all([
    getTranslations("admin.webhooks.fields"),
    getTranslations("admin.webhooks.groups"),
    getTranslations("admin.webhooks.typeWords"),
  ]);
  const boxOf = (type: EventType) => ({
    value: type,
    label: type,
    hint: words(type),
    isChecked: endpoint?.types?.includes(type) ?? false,
  });
  return [
    { name: "url", label: t("url"), hint: t("urlHint"), value: endpoint?.url ?? "", isRequired: true },
    { name: "description", label: t("description"), hint: t("descriptionHint"), value: endpoint?.description ?? "" },
    {
      name: "which",
      label: t("which"),
      value: endpoint?.types ? "some" : "all",
      options: [
        { value: "all", label: t("whichAll") },
        { value: "some", label: t("whichSome") },
      ],
    },
    {
      name: "types",
      label: t("types"),
      groups: groupsOfTypes().map(({ name, types }) => ({ label: groups(name), boxes: types.map(boxOf) })),
    },
    {
      name: "phones",
      label: t("phones"),
      hint: t("phonesHint"),
      type: "checkbox",
      isChecked: endpoint?.hasPhones ?? false,
    },
  ];
}

/** Reads the fields of the form of an endpoint. Returns what was chosen, or the problem of each field that has one. */
export function readEndpoint(form: FormData) {
  const ticked = readBoxes(form, "types");
  const isAll = form.get("which") !== "some";
  const description = WebhookDescription.safeParse(form.get("description") ?? "");
  const types = WebhookTypes.safeParse(isAll ? null : ticked);
  const problems: Record<string, string> = {};
  if (!description.success) problems.description = description.error.issues[0]?.message ?? "";
  if (!types.success) problems.types = types.error.issues[0]?.message ?? "";
  // Ticked boxes that counted for nothing would send more than the administrator chose.
  if (isAll && ticked.length > 0) problems.types = "types_kept";
  if (!description.success || !types.success || problems.types) return { problems };
  const choice = {
    url: String(form.get("url") ?? "").trim(),
    description: description.data,
    types: types.data,
    hasPhones: form.get("phones") === "on",
  };
  return { choice, problems };
}
