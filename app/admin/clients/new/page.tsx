import { getTranslations } from "next-intl/server";
import { drawClientId } from "@/lib/core/oauth/clients";
import { ActPage } from "../../act-page";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { addApplication } from "../actions";
import { clientFields } from "../client-form";

const PATH = "/admin/clients/new";

export async function generateMetadata() {
  const t = await getTranslations("admin.clients.make");
  return describeConsolePage(t("title"));
}

/** The form that makes an application. The answer to it shows the secret, once. */
export default function NewApplicationPage() {
  return renderConsolePage({ section: "clients", path: PATH }, async (open) => {
    const [t, fields] = await Promise.all([getTranslations("admin.clients"), clientFields(null)]);
    return (
      <ActPage
        action={addApplication}
        back={{ href: "/admin/clients", label: t("back") }}
        fields={fields}
        hidden={{ id: drawClientId() }}
        open={open}
        path={PATH}
        submit={t("make.submit")}
        takesAway={false}
        title={t("make.title")}
      >
        <p>{t("make.lead")}</p>
      </ActPage>
    );
  });
}
