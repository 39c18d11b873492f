import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Focused } from "@/components/focused";
import { Notice } from "@/components/notice";
import { listClients, type OAuthClient } from "@/lib/core/oauth/clients";
import { ConsoleMoment } from "../console-moment";
import { describeConsolePage, renderConsolePage } from "../console-page";
import { type Column, ConsoleTable } from "../console-table";
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
      <>
        {done === "removed" && (
          <div className="mb-5">
            <Focused key={done}>
              <Notice>{t("done.removed")}</Notice>
            </Focused>
          </div>
        )}
        <h1>{t("title")}</h1>
        <p className="mt-3 max-w-[70ch] text-soft">{t("lead")}</p>
        <p className="mt-5 mb-6 flex">
          <Link className="button-quiet w-auto px-4" href="/admin/clients/new" prefetch={false}>
            {t("new")}
          </Link>
        </p>
        {clients.length === 0 ? (
          <p className="text-soft">{t("empty")}</p>
        ) : (
          <ConsoleTable columns={await columns()} label={t("title")} rows={clients} />
        )}
      </>
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
