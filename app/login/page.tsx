import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { cache } from "react";
import { AfterWait } from "@/components/after-wait";
import { Countdown } from "@/components/countdown";
import { DEAD_CODE_SENTENCES } from "@/components/dead-code";
import { DeliveryNote } from "@/components/delivery-note";
import { FieldError } from "@/components/field-error";
import { Focused } from "@/components/focused";
import { MaskedIdentity } from "@/components/masked-identity";
import { Notice } from "@/components/notice";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { stampForm } from "@/lib/auth/form-stamps";
import { currentSession } from "@/lib/auth/nextauth";
import type { PendingLogin } from "@/lib/auth/pending-login";
import { readPendingLogin } from "@/lib/auth/pending-login-cookie";
import { currentRequester } from "@/lib/auth/requesters";
import { pageAfter, WantedPage } from "@/lib/auth/wanted-page";
import { mailLoginCode, phoneLoginCode } from "@/lib/core/accounts/sign-in";
import { type CodeStatus, getCodeStatus } from "@/lib/core/challenges/code-status";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { type Email, formatEmail } from "@/lib/core/identity/email";
import type { Masked } from "@/lib/core/identity/masking";
import { formatPhone, PHONE_PLACEHOLDER, type Phone } from "@/lib/core/identity/phone";
import type { Invite } from "@/lib/core/invites/activation";
import { getSeenInvite } from "@/lib/core/invites/look-up";
import { CODE_DIGITS } from "@/lib/core/policy";
import { DemonstrationNotice } from "../demonstration-notice";
import { dropInvitation, enterCode, enterProven, resendCode, sendCode } from "./actions";
import { CodeForm } from "./code-form";
import { IdentityForm } from "./identity-form";

type Problem = "lost" | (typeof DEAD_CODE_SENTENCES)["spent" | "expired" | "outgrown"];

/** Who wants to log in: by the phone, or by the mailbox where there is one. */
interface Identity {
  phone: Phone;
  email: Email | null;
}

type Step =
  | { name: "identity"; pending: PendingLogin | null; problem: Problem | null }
  | { name: "code"; pending: PendingLogin; identity: Identity; status: CodeStatus };

/**
 * Where this browser's login stands: the cookie knows who it is, the database how things are with the code. The address
 * may wish for the beginning again, or insist on the code though it is dead.
 */
const findStep = cache(async (wanted: string | string[] | undefined): Promise<Step> => {
  const pending = await readPendingLogin();
  if (!pending) return { name: "identity", pending, problem: wanted === "code" ? "lost" : null };
  const { phone, email, holder } = pending;
  if (!phone || wanted === "phone") return { name: "identity", pending, problem: null };
  const owner = email ? mailLoginCode({ email, holder }) : phoneLoginCode({ phone, holder });
  const status = await getCodeStatus(owner, await currentRequester());
  if (!status) return { name: "identity", pending, problem: wanted === "code" ? "lost" : null };
  const { state } = status;
  if (state === "live" || state === "verified" || wanted === "code") {
    return { name: "code", pending, identity: { phone, email }, status };
  }
  return { name: "identity", pending, problem: state === "used" ? null : DEAD_CODE_SENTENCES[state] };
});

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

/** Whether the mailbox is asked for: as the address wishes, else as it was begun. */
function isByMail(pending: PendingLogin | null, by: string | string[] | undefined): boolean {
  return IS_MAIL_OFFERED && (by === "email" || (by === undefined && Boolean(pending?.email)));
}

export default async function LoginPage({ searchParams }: PageProps<"/login">) {
  const { step: wantedStep, invitation, sent, by, phone, next } = await searchParams;
  const [t, session, step] = await Promise.all([getTranslations("login"), currentSession(), findStep(wantedStep)]);
  const accepted = step.pending?.invite ?? null;
  const invite = accepted && (await getSeenInvite(accepted.code));
  // A login that begins again leads to the profile, unless its address says otherwise.
  const isBegun = step.name === "code" || step.problem !== null || wantedStep === "phone";
  const wanted = WantedPage.safeParse(next).data ?? (isBegun ? step.pending?.wanted : null) ?? null;
  if (session) redirect(pageAfter({ invite: accepted, wanted }));
  return (
    <Sheet>
      <h1>{titleOf(t, step, by)}</h1>
      {step.name === "code" ? (
        <SentTo identity={step.identity} isProven={step.status.state === "verified"} />
      ) : (
        <p className="mt-3 mb-8 text-soft">{isByMail(step.pending, by) ? t("mailLead") : t("lead")}</p>
      )}
      {phone === "invalid" && (
        <div className="mb-6">
          <FieldError id="phone-invalid">{t("phoneInvalid")}</FieldError>
        </div>
      )}
      {sent === "no" && (
        <div className="mb-6">
          <FieldError id="not-sent">{t("codeNotSent")}</FieldError>
        </div>
      )}
      {(invitation === "gone" || (accepted && !invite)) && (
        <p className="mb-6" role="status">
          {t("invitationGone")}
        </p>
      )}
      {invite && <InvitationNotice invite={invite} wanted={wanted} />}
      {step.name === "code" ? (
        <CodeStep {...step} wanted={wanted} />
      ) : (
        <IdentityStep
          isByMail={isByMail(step.pending, by)}
          isInvited={invite !== null}
          pending={step.pending}
          problem={step.problem}
          wanted={wanted}
        />
      )}
      <DemonstrationNotice code={step.name === "code" && step.status.state === "live" ? step.pending.revealed : null} />
    </Sheet>
  );
}

async function InvitationNotice({ invite, wanted }: { invite: Invite; wanted: WantedPage | null }) {
  const t = await getTranslations("login");
  return (
    <div className="mb-8">
      <Notice>
        <p className="font-semibold">
          {t.rich("invitation", { phone: () => <MaskedIdentity masked={invite.inviter} /> })}
        </p>
        <p>{t("invitationCode", { code: invite.code })}</p>
        <form action={dropInvitation}>
          <WantedField wanted={wanted} />
          <button className="link" type="submit">
            {t("dropInvitation")}
          </button>
        </form>
      </Notice>
    </div>
  );
}

async function IdentityStep({
  pending,
  isByMail,
  isInvited,
  problem,
  wanted,
}: {
  pending: PendingLogin | null;
  isByMail: boolean;
  isInvited: boolean;
  /** What became of the code that was sent before. */
  problem: Problem | null;
  wanted: WantedPage | null;
}) {
  const t = await getTranslations("login");
  const phone = pending?.phone;
  return (
    <>
      {problem && (
        <div className="mb-6">
          <FieldError id="problem">{t(problem)}</FieldError>
        </div>
      )}
      {pending?.mismatch && isByMail && (
        <div className="mb-6">
          <FieldError id="mismatch">
            {t.rich("phoneMismatch", { phone: () => <MaskedIdentity masked={pending.mismatch as Masked} /> })}
          </FieldError>
        </div>
      )}
      <IdentityForm
        action={sendCode}
        email={isByMail ? (pending?.email ? formatEmail(pending.email) : "") : null}
        // Another beginning has the focus in its field anew.
        key={`${isInvited} ${isByMail}`}
        phone={phone ? formatPhone(phone) : ""}
        placeholder={PHONE_PLACEHOLDER}
        stamp={await stampForm()}
        wanted={wanted}
        words={{
          phone: t("phone"),
          email: t("email"),
          submit: t("getCode"),
          pending: t("sending"),
          offline: t("offline"),
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
              query: { step: "phone", by: isByMail ? "phone" : "email", ...(wanted && { next: wanted }) },
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

async function SentTo({ identity: { phone, email }, isProven }: { identity: Identity; isProven: boolean }) {
  const t = await getTranslations("login");
  const to = email ? formatEmail(email) : formatPhone(phone);
  return (
    <p className="mt-1.5 mb-6 flex flex-wrap items-center gap-x-1.5 text-soft">
      <span className="min-w-0 break-words">{isProven ? t("provenBy", { to }) : t("sentTo", { to })}</span>
      <Link
        aria-label={email ? t("changeMail") : t("changePhone")}
        className="link text-ink"
        href="/login?step=phone"
        prefetch={false}
        replace
      >
        {t("change")}
      </Link>
    </p>
  );
}

/** Says in a form where the login leads. */
function WantedField({ wanted }: { wanted: WantedPage | null }) {
  return wanted && <input name="next" type="hidden" value={wanted} />;
}

interface CodeFormProps {
  identity: Identity;
  wanted: WantedPage | null;
}

/** Says in a form whose code it is about, and where the login leads. */
function CodeFields({ identity: { phone, email }, wanted }: CodeFormProps) {
  return (
    <>
      <WantedField wanted={wanted} />
      <input name="phone" type="hidden" value={phone} />
      {email && <input name="email" type="hidden" value={email} />}
    </>
  );
}

async function CodeStep({ identity, wanted, status }: CodeFormProps & { status: CodeStatus }) {
  const t = await getTranslations("login");
  // Another code, or another try at it, begins anew: with an empty field that has the focus.
  const key = `${identity.email ?? identity.phone} ${status.sentAt.getTime()} ${status.triesUsed}`;
  if (status.state === "verified") {
    return (
      <form action={enterProven}>
        <WantedField wanted={wanted} />
        <SubmitButton pending={t("checking")}>{t("enter")}</SubmitButton>
      </form>
    );
  }
  if (status.state !== "live") {
    return (
      <>
        <Focused key={key}>
          <FieldError id="code-error">{t(DEAD_CODE_SENTENCES[status.state])}</FieldError>
        </Focused>
        <Resend identity={identity} isOnlyWay waitMs={status.resendInMs} wanted={wanted} />
      </>
    );
  }
  return (
    <>
      <DeliveryNote delivery={status.delivery} />
      {status.digits > CODE_DIGITS && (
        <p className="mb-4 text-small text-soft">{t("codeLonger", { digits: status.digits })}</p>
      )}
      <CodeForm
        action={enterCode}
        digits={status.digits}
        error={status.triesUsed > 0 ? t("codeWrong", { tries: status.triesLeft }) : null}
        key={key}
        words={{
          label: t("code"),
          submit: t("enter"),
          pending: t("checking"),
          offline: t("offline"),
          codeMalformed: t("codeMalformed", { digits: status.digits }),
        }}
      >
        <CodeFields identity={identity} wanted={wanted} />
      </CodeForm>
      <Resend identity={identity} waitMs={status.resendInMs} wanted={wanted} />
      <Countdown hidden key={`expiry ${status.expiresInMs}`} ms={status.expiresInMs} />
    </>
  );
}

async function Resend({
  identity,
  wanted,
  waitMs,
  isOnlyWay = false,
}: CodeFormProps & {
  waitMs: number;
  /** Whether nothing but a new code leads on. */
  isOnlyWay?: boolean;
}) {
  const t = await getTranslations("login");
  return (
    <AfterWait ms={waitMs} wait={t.rich("resendIn", { time: () => <Countdown key={waitMs} ms={waitMs} /> })}>
      <form action={resendCode} className="mt-4">
        <input name="stamp" type="hidden" value={await stampForm()} />
        <CodeFields identity={identity} wanted={wanted} />
        <SubmitButton offline={t("offline")} pending={t("sending")} quiet={!isOnlyWay}>
          {t("resend")}
        </SubmitButton>
      </form>
    </AfterWait>
  );
}
