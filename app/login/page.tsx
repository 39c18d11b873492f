import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { MaskedIdentity } from "@/components/masked-identity";
import { Notice } from "@/components/notice";
import { Problem } from "@/components/problem";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { currentSession } from "@/lib/auth/nextauth";
import { loginPage, pageAfterLogin, ReturnPage } from "@/lib/auth/return-page";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { formatEmail } from "@/lib/core/identity/email";
import { formatPhone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import type { Invite } from "@/lib/core/invites/activation";
import { getSeenInvite } from "@/lib/core/invites/look-up";
import { CodeStep } from "../code-step";
import { DemonstrationNotice } from "../demonstration-notice";
import { dropInvitation, enterCode, logInWithVerifiedCode, resendCode } from "./actions";
import { IdentityStep } from "./identity-step";
import { findStep, type Identity, isByMail, type Step } from "./step";

export async function generateMetadata({ searchParams }: PageProps<"/login">): Promise<Metadata> {
  const t = await getTranslations("login");
  const step = await findStep((await searchParams).step);
  const title = titleOf(t, step, (await searchParams).by);
  const isWrong =
    step.name === "code"
      ? step.status.state !== "verified" && (step.status.triesUsed > 0 || step.status.state !== "live")
      : step.problem !== null;
  return { title: isWrong ? t("errorTitle", { title }) : title, robots: { index: false } };
}

type LoginTranslator = Awaited<ReturnType<typeof getTranslations<"login">>>;

function titleOf(t: LoginTranslator, step: Step, by: string | string[] | undefined): string {
  if (step.name === "code") return step.status.state === "verified" ? t("provenTitle") : t("codeTitle");
  return isByMail(step.pending, by) ? t("mailTitle") : t("title");
}

export default async function LoginPage({ searchParams }: PageProps<"/login">) {
  const { step: stepParam, invitation, sent, by, phone, next } = await searchParams;
  const [t, session, step] = await Promise.all([getTranslations("login"), currentSession(), findStep(stepParam)]);
  const accepted = step.pending?.invite ?? null;
  const returnPage = ReturnPage.safeParse(next).data ?? null;
  if (session) redirect(pageAfterLogin(returnPage, accepted?.code ?? null));
  const invite = accepted && (await getSeenInvite(accepted.code));
  return (
    <Sheet>
      <h1>{titleOf(t, step, by)}</h1>
      {step.name === "code" ? (
        <SentTo identity={step.identity} isProven={step.status.state === "verified"} returnPage={returnPage} />
      ) : (
        <p className="mt-3 mb-8 text-soft">{isByMail(step.pending, by) ? t("mailLead") : t("lead")}</p>
      )}
      {phone === "invalid" && <Problem id="phone-invalid">{t("phoneInvalid")}</Problem>}
      {sent === "no" && <Problem id="not-sent">{t("codeNotSent")}</Problem>}
      {(invitation === "gone" || (accepted && !invite)) && (
        <p className="mb-6" role="status">
          {t("invitationGone")}
        </p>
      )}
      {invite && <InvitationNotice invite={invite} returnPage={returnPage} />}
      {step.name === "code" ? (
        <LoginStep {...step} returnPage={returnPage} />
      ) : (
        <IdentityStep
          isByMail={isByMail(step.pending, by)}
          isInvited={invite !== null}
          pending={step.pending}
          problem={step.problem}
          returnPage={returnPage}
        />
      )}
      <DemonstrationNotice code={step.name === "code" && step.status.state === "live" ? step.pending.revealed : null} />
    </Sheet>
  );
}

async function InvitationNotice({ invite, returnPage }: { invite: Invite; returnPage: ReturnPage | null }) {
  const t = await getTranslations("login");
  return (
    <div className="mb-8">
      <Notice>
        <p className="font-semibold">
          {t.rich("invitation", { phone: () => <MaskedIdentity masked={invite.inviter} /> })}
        </p>
        <p>{t("invitationCode", { code: invite.code })}</p>
        <form action={dropInvitation}>
          <ReturnPageField returnPage={returnPage} />
          <button className="link" type="submit">
            {t("dropInvitation")}
          </button>
        </form>
      </Notice>
    </div>
  );
}

async function SentTo({
  identity: { phone, email },
  isProven,
  returnPage,
}: {
  identity: Identity;
  isProven: boolean;
  returnPage: ReturnPage | null;
}) {
  const t = await getTranslations("login");
  const to = email ? formatEmail(email) : formatPhone(phone);
  return (
    <p className="mt-1.5 mb-6 flex flex-wrap items-center gap-x-1.5 text-soft">
      <span className="min-w-0 break-words">{isProven ? t("provenBy", { to }) : t("sentTo", { to })}</span>
      <Link
        aria-label={email ? t("changeMail") : t("changePhone")}
        className="link text-ink"
        href={loginPage(returnPage, { step: "phone" })}
        prefetch={false}
        replace
      >
        {t("change")}
      </Link>
    </p>
  );
}

function ReturnPageField({ returnPage }: { returnPage: ReturnPage | null }) {
  return returnPage && <input name="next" type="hidden" value={returnPage} />;
}

async function LoginStep({
  identity: { phone, email },
  returnPage,
  status,
}: {
  identity: Identity;
  returnPage: ReturnPage | null;
  status: CodeStatus;
}) {
  const [t, code] = await Promise.all([getTranslations("login"), getTranslations("code")]);
  if (status.state === "verified") {
    return (
      <form action={logInWithVerifiedCode}>
        <ReturnPageField returnPage={returnPage} />
        <SubmitButton pending={code("checking")}>{t("enter")}</SubmitButton>
      </form>
    );
  }
  return (
    <CodeStep
      codes={[{ name: "code", recipient: email ? emailRecipient(email) : phoneRecipient(phone), status }]}
      enter={{ action: enterCode, label: t("enter") }}
      hidden={{ phone, ...(email && { email }), ...(returnPage && { next: returnPage }) }}
      isAutoSubmitted
      send={{ action: resendCode, waitMs: status.resendInMs }}
    />
  );
}
