import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { listClients, type OAuthClient } from "@/lib/core/oauth/clients";
import { ConsoleMoment } from "../console-moment";
import { describeConsolePage, renderConsolePage } from "../console-page";
import type { Column } from "../console-table";
import { ShortList } from "../short-list";
import { clientAddress } from "./client-acts";
import { ClientState } from "./client-state";

export async function generateMetadata() {
  const t = await getTranslations("admin.clients");
  return describeConsolePage(t("title"));
}

/** The applications that people log in to, the oldest first. */
export default function ApplicationsPage({ searchParams }: PageProps<"/admin/clients">) {
  return renderConsolePage({ section: "clients", path: "/admin/clients" }, async () => {
    const [t, clients, { done }] = await Promise.all([getTranslations("admin.clients"), listClients(), searchParams]);
    return (
      <ShortList
        columns={await columns()}
        done={done === "removed" && { name: done, words: t("done.removed") }}
        formHref="/admin/clients/new"
        lead={t("lead")}
        rows={clients}
        t={t}
      />
    );
  });
}

async function columns(): Promise<Column<OAuthClient>[]> {
  const t = await getTranslations("admin.clients");
  return [
    {
      name: "name",
      label: t("name"),
      cellOf: ({ id, name }) => (
        <Link className="link break-words" href={clientAddress(id)} prefetch={false}>
          {name}
        </Link>
      ),
    },
    { name: "id", label: "client_id", cellOf: ({ id }) => <code className="break-all">{id}</code> },
    { name: "kind", label: t("kind"), cellOf: ({ isPublic }) => t(isPublic ? "public" : "confidential") },
    {
      name: "scopes",
      label: t("scopes"),
      cellOf: ({ scopes }) =>
        scopes.map((scope) => (
          <code className="block" key={scope}>
            {scope}
          </code>
        )),
    },
    { name: "state", label: t("state"), cellOf: (client) => <ClientState client={client} /> },
    { name: "made", label: t("made"), cellOf: ({ createdAt }) => <ConsoleMoment at={createdAt} /> },
  ];
}
