import { getTranslations } from "next-intl/server";
import { AccountId } from "@/lib/core/administration/search";
import { listApiKeys } from "@/lib/core/keys/api-keys";
import { ActPage } from "../../../act-page";
import { ConsoleMoment } from "../../../console-moment";
import { describeConsolePage, renderConsolePage } from "../../../console-page";
import { revokeKey } from "../../actions";

export async function generateMetadata() {
  const t = await getTranslations("admin.keys.revoke");
  return describeConsolePage(t("title"));
}

/** The page that revokes an API key. */
export default async function RevokeKeyPage({ params }: PageProps<"/admin/keys/[id]/revoke">) {
  const id = AccountId.safeParse((await params).id).data ?? 0;
  const path = `/admin/keys/${id}/revoke` as const;
  return renderConsolePage({ section: "keys", path }, async (open) => {
    const key = (await listApiKeys()).find(({ keyId, isOpen }) => keyId === id && isOpen);
    if (!key) return null;
    const [t, make] = await Promise.all([getTranslations("admin.keys.revoke"), getTranslations("admin.keys.make")]);
    const { lastUsedAt } = key;
    return (
      <ActPage
        action={revokeKey}
        back={{ href: "/admin/keys", label: make("back") }}
        fields={[]}
        hidden={{ id: String(id) }}
        open={open}
        path={path}
        submit={t("submit")}
        takesAway
        title={t("title")}
      >
        <p className="text-ink">
          {key.name} · <code>{key.hint}…</code>
        </p>
        <p>{t("lead")}</p>
        <p>{lastUsedAt ? t.rich("lastUsed", { at: () => <ConsoleMoment at={lastUsedAt} /> }) : t("neverUsed")}</p>
      </ActPage>
    );
  });
}
