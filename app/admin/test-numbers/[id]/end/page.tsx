import { getTranslations } from "next-intl/server";
import { AccountId } from "@/lib/core/administration/search";
import { listTestNumbers } from "@/lib/core/administration/test-numbers";
import { formatPhone } from "@/lib/core/identity/phone";
import { ActPage } from "../../../act-page";
import { describeConsolePage, renderConsolePage } from "../../../console-page";
import { endNumber } from "../../actions";

export async function generateMetadata() {
  const t = await getTranslations("admin.testNumbers.finish");
  return describeConsolePage(t("title"));
}

/** The page that ends a test number early. */
export default async function EndTestNumberPage({ params }: PageProps<"/admin/test-numbers/[id]/end">) {
  const id = AccountId.safeParse((await params).id).data ?? 0;
  const path = `/admin/test-numbers/${id}/end` as const;
  return renderConsolePage({ section: "test-numbers", path }, async (open) => {
    const number = (await listTestNumbers()).find((one) => one.id === id && one.isOpen);
    if (!number) return null;
    const [t, make] = await Promise.all([
      getTranslations("admin.testNumbers.finish"),
      getTranslations("admin.testNumbers.make"),
    ]);
    return (
      <ActPage
        action={endNumber}
        back={{ href: "/admin/test-numbers", label: make("back") }}
        fields={[]}
        hidden={{ id: String(id) }}
        open={open}
        path={path}
        submit={t("submit")}
        takesAway
        title={t("title")}
      >
        <p className="text-ink">{formatPhone(number.phone)}</p>
        <p>{t("lead")}</p>
      </ActPage>
    );
  });
}
