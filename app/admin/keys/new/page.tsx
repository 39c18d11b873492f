import { getTranslations } from "next-intl/server";
import { SCOPES } from "@/lib/core/keys/api-keys";
import { addDays, dayOf } from "@/lib/core/statistics/days";
import { ActPage } from "../../act-page";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { makeKey } from "../actions";

const PATH = "/admin/keys/new";

/** The end that the form proposes, so that a forgotten key doesn't work for ever. */
const PROPOSED_DAYS = 365;

export async function generateMetadata() {
  const t = await getTranslations("admin.keys.make");
  return describeConsolePage(t("title"));
}

/** The form that makes an API key. The answer to it shows the key, once. */
export default function NewKeyPage() {
  return renderConsolePage({ section: "keys", path: PATH }, async (open) => {
    const [t, scopes] = await Promise.all([
      getTranslations("admin.keys.make"),
      getTranslations("admin.keys.scopeWords"),
    ]);
    return (
      <ActPage
        action={makeKey}
        back={{ href: "/admin/keys", label: t("back") }}
        fields={[
          { name: "name", label: t("name"), hint: t("nameHint"), isRequired: true },
          {
            name: "scopes",
            label: t("scopes"),
            hint: t("scopesHint"),
            groups: [{ boxes: SCOPES.map((value) => ({ value, label: value, hint: scopes(value) })) }],
          },
          {
            name: "until",
            label: t("until"),
            hint: t("untilHint"),
            type: "date",
            value: addDays(dayOf(new Date()), PROPOSED_DAYS),
          },
        ]}
        hidden={{}}
        open={open}
        path={PATH}
        submit={t("submit")}
        takesAway={false}
        title={t("title")}
      >
        <p>{t("lead")}</p>
      </ActPage>
    );
  });
}
