import { getTranslations } from "next-intl/server";
import { drawFixedCode, latestLastDay } from "@/lib/core/administration/test-numbers";
import { FIXED_CODE_DIGITS_DRAWN, FIXED_CODE_TRIES_PER_NETWORK_PER_DAY, fixedCodeTriesPerDay } from "@/lib/core/policy";
import { ActPage } from "../../act-page";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { makeNumber } from "../actions";

const PATH = "/admin/test-numbers/new";

export async function generateMetadata() {
  const t = await getTranslations("admin.testNumbers.make");
  return describeConsolePage(t("title"));
}

/** The form that makes a test number. It proposes a drawn code, which is shown nowhere later. */
export default function NewTestNumberPage() {
  return renderConsolePage({ section: "test-numbers", path: PATH }, async (open) => {
    const t = await getTranslations("admin.testNumbers.make");
    const day = latestLastDay();
    return (
      <ActPage
        action={makeNumber}
        back={{ href: "/admin/test-numbers", label: t("back") }}
        fields={[
          { name: "phone", label: t("phone"), hint: t("phoneHint"), type: "tel", isRequired: true },
          { name: "code", label: t("code"), hint: t("codeHint"), value: drawFixedCode(), isRequired: true },
          {
            name: "until",
            label: t("until"),
            hint: t("untilHint", { day }),
            type: "date",
            value: day,
            isRequired: true,
          },
          { name: "note", label: t("note"), hint: t("noteHint") },
        ]}
        hidden={{}}
        open={open}
        path={PATH}
        submit={t("submit")}
        takesAway={false}
        title={t("title")}
      >
        <p>
          {t("lead", {
            tries: FIXED_CODE_TRIES_PER_NETWORK_PER_DAY,
            all: fixedCodeTriesPerDay(FIXED_CODE_DIGITS_DRAWN),
          })}
        </p>
      </ActPage>
    );
  });
}
