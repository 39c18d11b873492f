import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { type ListedKey, listApiKeys } from "@/lib/core/keys/api-keys";
import { describeConsolePage, renderConsolePage } from "../console-page";
import type { Column } from "../console-table";
import { linkReference, ShortList } from "../short-list";

export async function generateMetadata() {
  const t = await getTranslations("admin.keys");
  return describeConsolePage(t("title"));
}

/** The keys of the management API, the newest first, with links to make one and to revoke one. */
export default function KeysPage({ searchParams }: PageProps<"/admin/keys">) {
  return renderConsolePage({ section: "keys", path: "/admin/keys" }, async () => {
    const [t, keys, { done }] = await Promise.all([getTranslations("admin.keys"), listApiKeys(), searchParams]);
    return (
      <ShortList
        columns={await columns()}
        done={done === "revoked" && { name: done, words: t("done.revoked") }}
        formHref="/admin/keys/new"
        lead={t.rich("lead", { reference: linkReference })}
        rows={keys.map((key) => ({ ...key, id: key.keyId }))}
        t={t}
      />
    );
  });
}

async function columns(): Promise<Column<ListedKey & { id: number }>[]> {
  const t = await getTranslations("admin.keys");
  return [
    { name: "id", label: t("id"), cellOf: ({ id }) => id },
    { name: "name", label: t("name"), cellOf: ({ name }) => name },
    { name: "key", label: t("key"), cellOf: ({ hint }) => <code>{hint}…</code> },
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
    {
      name: "used",
      label: t("lastUsed"),
      cellOf: ({ lastUsedAt }) => (lastUsedAt ? <ConsoleMoment at={lastUsedAt} /> : t("neverUsed")),
    },
    {
      name: "until",
      label: t("until"),
      cellOf: ({ endsAt, revokedAt, isOpen }) => {
        if (revokedAt) return t.rich("revokedAt", { at: () => <ConsoleMoment at={revokedAt} /> });
        if (endsAt === null) return t("noEnd");
        return t.rich(isOpen ? "endsAt" : "endedAt", { at: () => <ConsoleMoment at={endsAt} /> });
      },
    },
    {
      name: "revoke",
      label: "",
      cellOf: ({ id, name, isOpen }) =>
        isOpen ? (
          <Link
            aria-label={`${t("revoke.link")}: ${name}`}
            className="link inline-flex min-h-11 items-center text-red"
            href={`/admin/keys/${id}/revoke` as Route}
            prefetch={false}
          >
            {t("revoke.link")}
          </Link>
        ) : null,
    },
  ];
}
