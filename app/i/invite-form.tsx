import { getTranslations } from "next-intl/server";
import { InviteField } from "@/components/invite-field";
import { openInvitation } from "./actions";

/** A form for an invite code that a person has heard or read, with its texts in the page's language. */
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
