import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { ACTOR_KINDS, AUDIT_ACTIONS, NO_ACCOUNT_ID } from "@/lib/core/accounts/audit-log";
import { type ListedEvent, walkEvents } from "@/lib/core/administration/audit-list";
import { ExportedList } from "@/lib/core/administration/list-export";
import { deviceName } from "@/lib/core/sessions/user-agent";
import { describeConsolePage } from "../console-page";
import type { Column } from "../console-table";
import type { FilterField } from "../filter-form";
import { renderList } from "../list-page";

export async function generateMetadata() {
  const t = await getTranslations("admin.audit");
  return describeConsolePage(t("title"));
}

/** The audit log: who did what to which account. */
export default function AuditPage({ searchParams }: PageProps<"/admin/audit">) {
  const read = (_: unknown, ...page: Parameters<typeof walkEvents>) => walkEvents(...page);
  return renderList("audit", searchParams, { read, describe });
}

async function describe(): Promise<{ title: string; fields: FilterField[]; columns: Column<ListedEvent>[] }> {
  const [t, describeDetails] = await Promise.all([getTranslations("admin.audit"), detailsDescriber()]);
  const actionName = (action: ListedEvent["action"]) =>
    AUDIT_ACTIONS.includes(action) ? t(`actions.${action}`) : action;
  return {
    title: t("title"),
    fields: [
      { name: "from", label: t("from"), type: "datetime-local" },
      { name: "to", label: t("to"), type: "datetime-local" },
      {
        name: "action",
        label: t("action"),
        options: AUDIT_ACTIONS.map((value) => ({ value, label: actionName(value) })),
      },
      { name: "kind", label: t("kind"), options: ACTOR_KINDS.map((value) => ({ value, label: t(`kinds.${value}`) })) },
      { name: "actor", label: t("actorId"), hint: t("idHint") },
      { name: "subject", label: t("subjectId"), hint: t("idHint") },
    ],
    columns: [
      { name: "at", label: t("at"), cellOf: ({ at }) => <ConsoleMoment at={at} /> },
      { name: "action", label: t("action"), cellOf: ({ action }) => actionName(action) },
      {
        name: "actor",
        label: t("actor"),
        cellOf: ({ actorKind, actorId }) => (
          <>
            {actorKind === "administrator" && `${t("kinds.administrator")} `}
            {actorKind === "api_key" ? (
              `${t("kinds.api_key")} ${actorId}`
            ) : actorId === NO_ACCOUNT_ID ? (
              t(`kinds.${actorKind === "server" ? "server" : "command_line"}`)
            ) : (
              <PersonLink id={actorId} />
            )}
          </>
        ),
      },
      { name: "subject", label: t("subject"), cellOf: ({ subjectId }) => subjectId && <PersonLink id={subjectId} /> },
      { name: "details", label: t("details"), cellOf: (event) => describeDetails(event) },
    ],
  };
}

function PersonLink({ id }: { id: number }) {
  return (
    <Link className="underline underline-offset-4" href={`/admin/people/${id}`} prefetch={false}>
      {id}
    </Link>
  );
}

/** Returns a function that describes the details of an event in a few words; null without details. */
async function detailsDescriber(): Promise<(event: ListedEvent) => ReactNode> {
  const [t, words, sections] = await Promise.all([
    getTranslations("admin.audit.of"),
    getTranslations("device"),
    getTranslations("admin.sections"),
  ]);
  return ({ action, details }) => {
    const { device, isNew, fields, what, list, filter, count, ids, inviters, verdict, sender, reason } = details;
    const { apiKey, client, clientName, scopes, webhook, hasPhones, disabledFor } = details;
    const exported = ExportedList.safeParse(list).data;
    const counted = action === "session_ended" || action === "sessions_ended" ? "sessions" : "rows";
    const parts = [
      device && deviceName(device, words),
      isNew && t("isNew"),
      fields?.join(", "),
      what && t("change", { what }),
      exported && sections(exported),
      filter &&
        Object.entries(filter)
          .map(([name, value]) => `${name} ${value}`)
          .join(", "),
      count !== undefined && t(counted, { count }),
      ids && ids.length > 0 && t("accounts", { count: ids.length }),
      inviters && t("inviters", { before: inviters.before ?? "–", after: inviters.after ?? "–" }),
      verdict && t("verdict", { verdict }),
      sender,
      apiKey !== undefined && t("apiKey", { id: apiKey }),
      webhook,
      hasPhones !== undefined && t("hasPhones", { hasPhones: String(hasPhones) }),
      disabledFor && t("disabledFor", { reason: disabledFor }),
      client && t("client", { id: client }),
      clientName,
      scopes?.join(", "),
      reason && t("reason", { reason }),
    ];
    return parts.filter(Boolean).join(" · ") || null;
  };
}
