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
import { needsLogin } from "@/lib/core/oauth/authorization-steps";
import { CodeStep } from "../code-step";
import { DemonstrationNotice } from "../demonstration-notice";
import { dropInvitation, enterCode, logInWithVerifiedCode, resendCode } from "./actions";
import { type Application, findApplication, findInvite } from "./application";
import { IdentityStep } from "./identity-step";
import { findStep, type Identity, isByMail, type Step } from "./step";

export async function generateMetadata({ searchParams }: PageProps<"/login">): Promise<Metadata> {
  const { step: stepParam, by, next } = await searchParams;
  const t = await getTranslations("login");
  const application = await findApplication(readReturnPage(next));
  const step = await findStep(stepParam, application?.authorization.loginHint ?? null);
  const title = titleOf(t, step, by, application);
  const isWrong =
    step.name === "code"
      ? step.status.state !== "verified" && (step.status.triesUsed > 0 || step.status.state !== "live")
      : step.problem !== null;
  return { title: isWrong ? t("errorTitle", { title }) : title, robots: { index: false } };
}

function readReturnPage(next: string | string[] | undefined): ReturnPage | null {
  return ReturnPage.safeParse(next).data ?? null;
}

type LoginTranslator = Awaited<ReturnType<typeof getTranslations<"login">>>;

function titleOf(
  t: LoginTranslator,
  step: Step,
  by: string | string[] | undefined,
  application: Application | null,
): string {
  if (step.name === "code") return step.status.state === "verified" ? t("provenTitle") : t("codeTitle");
  if (application) return t("continueTitle", { application: application.name });
  return isByMail(step.pending, by) ? t("mailTitle") : t("title");
}

export default async function LoginPage({ searchParams }: PageProps<"/login">) {
  const { step: stepParam, invitation, sent, by, phone, next } = await searchParams;
  const returnPage = readReturnPage(next);
  const [t, session, application] = await Promise.all([
    getTranslations("login"),
    currentSession(),
    findApplication(returnPage),
  ]);
  const step = await findStep(stepParam, application?.authorization.loginHint ?? null);
  const brought = findInvite(step.pending, application);
  // An application may ask for a further login of a person who is logged in.
  const isLoggedIn = session && !(application && (await needsLogin(application.authorization, session)));
  if (isLoggedIn) redirect(pageAfterLogin(returnPage, brought?.code ?? null));
  const invite = brought?.isChecked ? await getSeenInvite(brought.code) : null;
  return (
    <Sheet>
      <h1 className="break-words">{titleOf(t, step, by, application)}</h1>
      {step.name === "code" ? (
        <SentTo identity={step.identity} isProven={step.status.state === "verified"} returnPage={returnPage} />
      ) : (
        <p className="mt-3 mb-8 text-soft">{isByMail(step.pending, by) ? t("mailLead") : t("lead")}</p>
      )}
      {phone === "invalid" && <Problem id="phone-invalid">{t("phoneInvalid")}</Problem>}
      {sent === "no" && <Problem id="not-sent">{t("codeNotSent")}</Problem>}
      {(invitation === "gone" || (brought?.isChecked && !invite)) && (
        <p className="mb-6" role="status">
          {t("invitationGone")}
        </p>
      )}
      {brought && !brought.isChecked && (
        <div className="mb-8">
          <Notice>
            <p>{t("invitationUnchecked", { code: brought.code })}</p>
            <DropInvitation returnPage={returnPage} />
          </Notice>
        </div>
      )}
      {invite && (
        <InvitationNotice
          invite={invite}
          isOfApplication={application?.authorization.invite?.code === invite.code}
          returnPage={returnPage}
        />
      )}
      {step.name === "code" ? (
        <LoginStep {...step} returnPage={returnPage} />
      ) : (
        <IdentityStep
          isByMail={isByMail(step.pending, by)}
          isInvited={brought !== null && (invite !== null || !brought.isChecked)}
          pending={step.pending}
          problem={step.problem}
          returnPage={returnPage}
        />
      )}
      <DemonstrationNotice code={step.name === "code" && step.status.state === "live" ? step.pending.revealed : null} />
    </Sheet>
  );
}

async function InvitationNotice({
  invite,
  isOfApplication,
  returnPage,
}: {
  invite: Invite;
  /** Whether it came with the application's request. An account that exists ignores it then. */
  isOfApplication: boolean;
  returnPage: ReturnPage | null;
}) {
  const t = await getTranslations("login");
  return (
    <div className="mb-8">
      <Notice>
        <p className="font-semibold">
          {t.rich("invitation", { phone: () => <MaskedIdentity masked={invite.inviter} /> })}
        </p>
        <p>{t(isOfApplication ? "invitationOfApplication" : "invitationCode", { code: invite.code })}</p>
        <DropInvitation returnPage={returnPage} />
      </Notice>
    </div>
  );
}

async function DropInvitation({ returnPage }: { returnPage: ReturnPage | null }) {
  const t = await getTranslations("login");
  return (
    <form action={dropInvitation}>
      <ReturnPageField returnPage={returnPage} />
      <button className="link" type="submit">
        {t("dropInvitation")}
      </button>
    </form>
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
