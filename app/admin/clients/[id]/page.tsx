import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ActLinks } from "@/app/admin/act-links";
import { Card } from "@/app/admin/card";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import { DoneNotice } from "@/app/admin/done-notice";
import { FactList } from "@/app/admin/fact-list";
import { ISSUER } from "@/lib/core/oauth/authorization-request";
import { ClientId, findClient, type OAuthClient } from "@/lib/core/oauth/clients";
import { actsOn, clientAddress, TAKING_ACTS } from "../client-acts";
import { ClientState } from "../client-state";

const DONE = ["changed", "disabled", "enabled", "known"] as const;

export async function generateMetadata() {
  const t = await getTranslations("admin.clients");
  return describeConsolePage(t("titleOfOne"));
}

/** One application: whether people can log in to it, its settings, and the acts on it. */
export default async function ApplicationPage({ params, searchParams }: PageProps<"/admin/clients/[id]">) {
  const [{ id: given }, query] = await Promise.all([params, searchParams]);
  const id = ClientId.safeParse(given).data;
  const path = id ? clientAddress(id) : "/admin/clients";
  return renderConsolePage({ section: "clients", path }, async () => {
    const client = id && (await findClient(id));
    if (!client) return null;
    const t = await getTranslations("admin.clients");
    const done = DONE.find((one) => one === query.done);
    return (
      <>
        {done && <DoneNotice done={done}>{t(`done.${done}`)}</DoneNotice>}
        <p className="mb-2">
          <Link className="link" href="/admin/clients">
            {t("back")}
          </Link>
        </p>
        <h1 className="break-words">{client.name}</h1>
        <p className="mt-3">
          <ClientState client={client} />
        </p>
        <div className="mt-6 grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_320px]">
          <Facts client={client} />
          <Card id="acts" title={t("acts")}>
            <ActLinks
              acts={actsOn(client).map((act) => ({
                name: act,
                href: clientAddress(client.id, { act }),
                label: t(`${act}.link`),
                takesAway: TAKING_ACTS.includes(act),
              }))}
            />
          </Card>
        </div>
      </>
    );
  });
}

async function Facts({ client }: { client: OAuthClient }) {
  const t = await getTranslations("admin.clients");
  const { id, isPublic, redirectUris, postLogoutUris, backChannelLogoutUri, scopes, isFirstParty } = client;
  const codes = (texts: readonly string[]) =>
    texts.map((text) => (
      <code className="block break-all" key={text}>
        {text}
      </code>
    ));
  const facts = [
    { label: "client_id", value: <code className="select-all break-all">{id}</code> },
    { label: t("issuer"), value: <code className="select-all break-all">{ISSUER}</code> },
    { label: t("kind"), value: t(isPublic ? "public" : "confidential") },
    { label: t("fields.redirectUris"), value: codes(redirectUris) },
    { label: t("scopes"), value: codes(scopes) },
    { label: t("consent"), value: t(isFirstParty ? "consentNo" : "consentYes") },
    { label: t("fields.postLogoutUris"), value: postLogoutUris.length > 0 ? codes(postLogoutUris) : null },
    { label: t("fields.backChannelLogoutUri"), value: backChannelLogoutUri && codes([backChannelLogoutUri]) },
    { label: t("fields.signingAlgorithm"), value: <code>{client.signingAlgorithm}</code> },
    { label: t("made"), value: <ConsoleMoment at={client.createdAt} /> },
  ];
  return (
    <Card id="facts" title={t("facts")}>
      <FactList facts={facts} />
    </Card>
  );
}
