import { getTranslations } from "next-intl/server";
import { ClientSettings, type OAuthClient } from "@/lib/core/oauth/clients";
import { Scope } from "@/lib/core/oauth/scopes";
import { SigningAlgorithm } from "@/lib/core/oauth/signing-keys";
import { readBoxes } from "../act-answers";
import type { ActField } from "../act-form";

/** The scopes that the form has boxes for. Each application has `openid`. */
const CHOSEN_SCOPES = Scope.exclude(["openid"]).options;

/** Returns the fields of the form of an application, filled with what one has already. Its kind is chosen when it is made. */
export async function clientFields(client: OAuthClient | null): Promise<ActField[]> {
  const [t, scopes] = await Promise.all([
    getTranslations("admin.clients.fields"),
    getTranslations("admin.clients.scopeWords"),
  ]);
  const kind: ActField = {
    name: "kind",
    label: t("kind"),
    options: [
      { value: "confidential", label: t("confidential") },
      { value: "public", label: t("public") },
    ],
  };
  return [
    { name: "name", label: t("name"), hint: t("nameHint"), value: client?.name ?? "", isRequired: true },
    ...(client ? [] : [kind]),
    {
      name: "redirectUris",
      label: t("redirectUris"),
      hint: t("redirectUrisHint"),
      type: "lines",
      value: client?.redirectUris.join("\n") ?? "",
      isRequired: true,
    },
    {
      name: "scopes",
      label: t("scopes"),
      hint: t("scopesHint"),
      groups: [
        {
          boxes: CHOSEN_SCOPES.map((value) => ({
            value,
            label: value,
            hint: scopes(value),
            isChecked: client ? client.scopes.includes(value) : value === "phone",
          })),
        },
      ],
    },
    {
      name: "isFirstParty",
      label: t("isFirstParty"),
      hint: t("isFirstPartyHint"),
      type: "checkbox",
      isChecked: client?.isFirstParty ?? false,
    },
    {
      name: "postLogoutUris",
      label: t("postLogoutUris"),
      hint: t("postLogoutUrisHint"),
      type: "lines",
      value: client?.postLogoutUris.join("\n") ?? "",
    },
    {
      name: "backChannelLogoutUri",
      label: t("backChannelLogoutUri"),
      hint: t("backChannelLogoutUriHint"),
      value: client?.backChannelLogoutUri ?? "",
    },
    {
      name: "signingAlgorithm",
      label: t("signingAlgorithm"),
      value: client?.signingAlgorithm ?? "RS256",
      options: SigningAlgorithm.options.map((value) => ({ value, label: t(`algorithms.${value}`) })),
    },
  ];
}

/** A problem of a field, and the typed address that it is about. */
export interface FieldProblem {
  name: string;
  uri: string;
}

/**
 * Reads the fields of the form of an application. Returns its settings, or the first problem of each field that has one.
 */
export function readClientForm(
  form: FormData,
  { isPublic }: { isPublic: boolean },
): { settings: ClientSettings; problems: null } | { settings: null; problems: Record<string, FieldProblem> } {
  const textOf = (name: string) => String(form.get(name) ?? "").trim();
  const linesOf = (name: string) => textOf(name).split(/\s+/).filter(Boolean);
  const given = {
    name: textOf("name"),
    isPublic,
    redirectUris: linesOf("redirectUris"),
    postLogoutUris: linesOf("postLogoutUris"),
    backChannelLogoutUri: textOf("backChannelLogoutUri") || null,
    scopes: ["openid", ...readBoxes(form, "scopes")],
    isFirstParty: form.get("isFirstParty") === "on",
    signingAlgorithm: textOf("signingAlgorithm"),
  };
  const parsed = ClientSettings.safeParse(given);
  if (parsed.success) return { settings: parsed.data, problems: null };
  const problems: Record<string, FieldProblem> = {};
  for (const { path, message } of parsed.error.issues) {
    const [field, at] = [String(path[0]) as keyof typeof given, path[1]];
    const value = given[field];
    const uri = Array.isArray(value) ? (value[Number(at)] ?? "") : String(value ?? "");
    problems[field] ??= { name: message, uri };
  }
  return { settings: null, problems };
}
