import { getTranslations } from "next-intl/server";
import { ActPage } from "@/app/admin/act-page";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import { ClientId, findClient, versionOfClient } from "@/lib/core/oauth/clients";
import { actOnApplication } from "../../actions";
import { ActName, actsOn, clientAddress, TAKING_ACTS } from "../../client-acts";
import { clientFields } from "../../client-form";

type PageOptions = PageProps<"/admin/clients/[id]/[act]">;

async function readPage({ params }: Pick<PageOptions, "params">) {
  const given = await params;
  const [id, act] = [ClientId.safeParse(given.id).data, ActName.safeParse(given.act).data];
  return id === undefined || act === undefined ? null : { id, act };
}

export async function generateMetadata(options: PageOptions) {
  const [t, page] = await Promise.all([getTranslations("admin.clients"), readPage(options)]);
  return describeConsolePage(page ? t(`${page.act}.title`) : t("title"));
}

/** The page of one act on an application: what will happen, and the form that does it. */
export default async function ApplicationActPage(options: PageOptions) {
  const page = await readPage(options);
  const path = page ? clientAddress(page.id, { act: page.act }) : "/admin/clients";
  return renderConsolePage({ section: "clients", path }, async (open) => {
    const client = page && (await findClient(page.id));
    if (!page || !client || !actsOn(client).includes(page.act)) return null;
    const { id, act } = page;
    const t = await getTranslations("admin.clients");
    return (
      <ActPage
        action={actOnApplication}
        back={{ href: clientAddress(id), label: t("backToOne") }}
        fields={act === "change" ? await clientFields(client) : []}
        hidden={{ id, act, version: versionOfClient(client) }}
        open={open}
        path={path}
        submit={t(`${act}.submit`)}
        takesAway={TAKING_ACTS.includes(act)}
        title={t(`${act}.title`)}
      >
        <p className="text-ink">
          {client.name} · <code>{id}</code>
        </p>
        <p>{t(`${act}.lead`)}</p>
      </ActPage>
    );
  });
}
