import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { MaskedIdentity } from "@/components/masked-identity";
import { Problem } from "@/components/problem";
import { stampForm } from "@/lib/auth/form-stamps";
import type { PendingLogin } from "@/lib/auth/pending-login";
import type { ReturnPage } from "@/lib/auth/return-page";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { formatEmail } from "@/lib/core/identity/email";
import { formatPhone, PHONE_PLACEHOLDER } from "@/lib/core/identity/phone";
import { env } from "@/lib/env";
import { RecipientForm } from "../recipient-form";
import { sendCode } from "./actions";
import type { CodeProblem } from "./step";

/** The first step of a login: asks for the phone, or for the mailbox and the phone. */
export async function IdentityStep({
  pending,
  isByMail,
  isInvited,
  problem,
  returnPage,
}: {
  pending: PendingLogin | null;
  isByMail: boolean;
  isInvited: boolean;
  problem: CodeProblem | null;
  returnPage: ReturnPage | null;
}) {
  const [t, code] = await Promise.all([getTranslations("login"), getTranslations("code")]);
  const { phone, email, mismatch, isBlocked } = pending ?? {};
  return (
    <>
      {problem && <Problem id="problem">{problem === "lost" ? t("lost") : code(problem)}</Problem>}
      {isBlocked && (
        <Problem id="blocked">
          {t("accountBlocked", { asks: env.SUPPORT_CONTACT ? "yes" : "no", contact: env.SUPPORT_CONTACT ?? "" })}
        </Problem>
      )}
      {mismatch && isByMail && (
        <Problem id="mismatch">
          {t.rich("phoneMismatch", { phone: () => <MaskedIdentity masked={mismatch} /> })}
        </Problem>
      )}
      <RecipientForm
        action={sendCode}
        fields={[
          ...(isByMail ? [{ kind: "email" as const, label: t("email"), value: email ? formatEmail(email) : "" }] : []),
          { kind: "phone", label: t("phone"), value: phone ? formatPhone(phone) : "", placeholder: PHONE_PLACEHOLDER },
        ]}
        hidden={{ stamp: await stampForm(), ...(returnPage && { next: returnPage }) }}
        // A new key sets the focus again when the fields change.
        key={`${isInvited} ${isByMail}`}
        words={{
          submit: t("getCode"),
          pending: code("sending"),
          offline: code("offline"),
          errors: {
            phone_missing: t("phoneMissing"),
            phone_invalid: t("phoneInvalid"),
            email_missing: t("emailMissing"),
            email_invalid: t("emailInvalid"),
            code_not_sent: t("codeNotSent"),
            budget_spent: t("sendsSpent"),
            country_not_allowed: t("countryNotAllowed"),
          },
        }}
      />
      {IS_MAIL_OFFERED && (
        <p className="mt-5 text-small">
          <Link
            className="link"
            href={{
              pathname: "/login",
              query: { step: "phone", by: isByMail ? "phone" : "email", ...(returnPage && { next: returnPage }) },
            }}
            replace
          >
            {isByMail ? t("byPhone") : t("byMail")}
          </Link>
        </p>
      )}
      {!isInvited && <p className="mt-5 text-small text-soft">{t("invited")}</p>}
    </>
  );
}
