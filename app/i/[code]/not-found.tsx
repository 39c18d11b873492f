import { getTranslations } from "next-intl/server";
import { Sheet } from "@/components/sheet";
import { DelayedChanges } from "../../account/delayed-changes";
import { InviteForm } from "../invite-form";

export default async function InvitationNotFound() {
  const t = await getTranslations("invitation");
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{t("titles.invite_unknown")}</h1>
      <p className="mt-4 mb-8 text-soft">{t("unknownLead")}</p>
      <InviteForm />
    </Sheet>
  );
}
