import { getTranslations } from "next-intl/server";
import { InviteField } from "@/components/invite-field";
import { openInvitation } from "./actions";

/** The form in which a person types an invite code that they have heard or read. Its texts are in the page's language. */
export async function InviteForm() {
  const t = await getTranslations("inviteField");
  return (
    <InviteField
      action={openInvitation}
      words={{
        label: t("label"),
        hint: t("hint"),
        submit: t("submit"),
        offline: t("offline"),
        errors: { invite_code_missing: t("missing"), invite_code_malformed: t("malformed") },
      }}
    />
  );
}
