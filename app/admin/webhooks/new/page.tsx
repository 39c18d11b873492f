import { getTranslations } from "next-intl/server";
import { ActPage } from "../../act-page";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { makeEndpoint } from "../actions";
import { endpointFields } from "../endpoint-form";

const PATH = "/admin/webhooks/new";

export async function generateMetadata() {
  const t = await getTranslations("admin.webhooks.make");
  return describeConsolePage(t("title"));
}

/** The form that makes an endpoint. The answer to it shows the secrets, once. */
export default function NewWebhookPage() {
  return renderConsolePage({ section: "webhooks", path: PATH }, async (open) => {
    const [t, fields] = await Promise.all([getTranslations("admin.webhooks"), endpointFields(null)]);
    return (
      <ActPage
        action={makeEndpoint}
        back={{ href: "/admin/webhooks", label: t("back") }}
        fields={fields}
        hidden={{}}
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
