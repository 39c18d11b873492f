import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { cache } from "react";
import { Countdown } from "@/components/countdown";
import { FieldError } from "@/components/field-error";
import { Focused } from "@/components/focused";
import { MaskedPhone } from "@/components/masked-phone";
import { Notice } from "@/components/notice";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { currentSession } from "@/lib/auth/nextauth";
import { type PendingLogin, readPendingLogin } from "@/lib/auth/pending-login";
import { getInvite, type Invite } from "@/lib/core/invites";
import { type CodeStatus, getCodeStatus } from "@/lib/core/login";
import { formatPhone, PHONE_PLACEHOLDER, type Phone } from "@/lib/core/phone";
import { env } from "@/lib/env";
import { dropInvitation, enterCode, resendCode, sendCode } from "./actions";
import { CodeForm } from "./code-form";
import { PhoneForm } from "./phone-form";

/** Why a code can't be used any more. */
const DEAD_CODE_SENTENCES = { spent: "codeSpent", expired: "codeExpired", used: "codeUsed" } as const;

type Problem = "lost" | (typeof DEAD_CODE_SENTENCES)["spent" | "expired"];

type Step =
  | { name: "phone"; pending: PendingLogin | null; problem: Problem | null }
  | { name: "code"; pending: PendingLogin; phone: Phone; status: CodeStatus };

/**
 * Where this browser's login stands: the cookie knows the phone, the database how things are with its code. The address
 * may wish for the phone again, or insist on the code though it is dead.
 */
const findStep = cache(async (wanted: string | string[] | undefined): Promise<Step> => {
  const pending = await readPendingLogin();
  if (!pending) return { name: "phone", pending, problem: wanted === "code" ? "lost" : null };
  const { phone, asker } = pending;
  if (!phone || wanted === "phone") return { name: "phone", pending, problem: null };
  const status = await getCodeStatus({ phone, purpose: "login", asker });
  if (!status) return { name: "phone", pending, problem: wanted === "code" ? "lost" : null };
  if (status.state === "live" || wanted === "code") return { name: "code", pending, phone, status };
  return { name: "phone", pending, problem: status.state === "used" ? null : DEAD_CODE_SENTENCES[status.state] };
});

export async function generateMetadata({ searchParams }: PageProps<"/login">): Promise<Metadata> {
  const t = await getTranslations("login");
  const step = await findStep((await searchParams).step);
  const title = step.name === "code" ? t("codeTitle") : t("title");
  const isWrong =
    step.name === "code" ? step.status.triesUsed > 0 || step.status.state !== "live" : step.problem !== null;
  return { title: isWrong ? t("errorTitle", { title }) : title, robots: { index: false } };
}

export default async function LoginPage({ searchParams }: PageProps<"/login">) {
  const { step: wanted, invitation, sent } = await searchParams;
  const [t, session, step] = await Promise.all([getTranslations("login"), currentSession(), findStep(wanted)]);
  const inviteCode = step.pending?.invite;
  if (session) redirect(inviteCode ? `/i/${inviteCode}` : "/profile");
  const found = inviteCode && (await getInvite(inviteCode));
  const invite = found?.ok ? found.value : null;
  return (
    <Sheet>
      <h1>{step.name === "code" ? t("codeTitle") : t("title")}</h1>
      {step.name === "code" ? <SentTo phone={step.phone} /> : <p className="mt-3 mb-8 text-soft">{t("lead")}</p>}
      {sent === "no" && (
        <div className="mb-6">
          <FieldError id="not-sent">{t("codeNotSent")}</FieldError>
        </div>
      )}
      {invitation === "gone" && (
        <p className="mb-6" role="status">
          {t("invitationGone")}
        </p>
      )}
      {invite && <InvitationNotice invite={invite} />}
      {step.name === "code" ? (
        <CodeStep {...step} />
      ) : (
        <PhoneStep isInvited={invite !== null} phone={step.pending?.phone ?? null} problem={step.problem} />
      )}
      {env.REVEAL_CODES && (
        <DemonstrationNotice
          code={step.name === "code" && step.status.state === "live" ? step.pending.revealed : null}
        />
      )}
    </Sheet>
  );
}

async function InvitationNotice({ invite }: { invite: Invite }) {
  const t = await getTranslations("login");
  return (
    <div className="mb-8">
      <Notice>
        <p className="font-semibold">{t.rich("invitation", { phone: () => <MaskedPhone phone={invite.inviter} /> })}</p>
        <p>{t("invitationCode", { code: invite.code })}</p>
        <form action={dropInvitation}>
          <button className="link" type="submit">
            {t("dropInvitation")}
          </button>
        </form>
      </Notice>
    </div>
  );
}

async function PhoneStep({
  phone,
  isInvited,
  problem,
}: {
  phone: Phone | null;
  isInvited: boolean;
  /** What became of the code that was sent before. */
  problem: Problem | null;
}) {
  const t = await getTranslations("login");
  return (
    <>
      {problem && (
        <div className="mb-6">
          <FieldError id="problem">{t(problem)}</FieldError>
        </div>
      )}
      <PhoneForm
        action={sendCode}
        // Another beginning has the focus in its field anew.
        key={`${isInvited}`}
        phone={phone ? formatPhone(phone) : ""}
        placeholder={PHONE_PLACEHOLDER}
        words={{
          label: t("phone"),
          submit: t("getCode"),
          pending: t("sending"),
          offline: t("offline"),
          errors: {
            phone_missing: t("phoneMissing"),
            phone_invalid: t("phoneInvalid"),
            code_not_sent: t("codeNotSent"),
          },
        }}
      />
      {!isInvited && <p className="mt-5 text-small text-soft">{t("invited")}</p>}
    </>
  );
}

async function SentTo({ phone }: { phone: Phone }) {
  const t = await getTranslations("login");
  return (
    <p className="mt-1.5 mb-6 flex flex-wrap items-center gap-x-1.5 text-soft">
      {t("sentTo", { phone: formatPhone(phone) })}
      <Link aria-label={t("changePhone")} className="link text-ink" href="/login?step=phone" prefetch={false} replace>
        {t("change")}
      </Link>
    </p>
  );
}

async function CodeStep({ phone, status }: { phone: Phone; status: CodeStatus }) {
  const t = await getTranslations("login");
  // Another code, or another try at it, begins anew: with an empty field that has the focus.
  const key = `${phone} ${status.sentAt.getTime()} ${status.triesUsed}`;
  if (status.state !== "live") {
    return (
      <>
        <Focused key={key}>
          <FieldError id="code-error">{t(DEAD_CODE_SENTENCES[status.state])}</FieldError>
        </Focused>
        <Resend isOnlyWay phone={phone} waitMs={status.resendInMs} />
      </>
    );
  }
  return (
    <>
      <CodeForm
        action={enterCode}
        digits={status.digits}
        error={status.triesUsed > 0 ? t("codeWrong", { tries: status.triesLeft }) : null}
        key={key}
        phone={phone}
        words={{
          label: t("code"),
          submit: t("enter"),
          pending: t("checking"),
          offline: t("offline"),
          codeMalformed: t("codeMalformed", { digits: status.digits }),
        }}
      />
      <Resend phone={phone} waitMs={status.resendInMs} />
      <Countdown hidden key={`expiry ${status.expiresInMs}`} ms={status.expiresInMs} />
    </>
  );
}

async function Resend({
  phone,
  waitMs,
  isOnlyWay = false,
}: {
  phone: Phone;
  waitMs: number;
  /** Whether nothing but a new code leads on. */
  isOnlyWay?: boolean;
}) {
  const t = await getTranslations("login");
  const button = (
    <form action={resendCode} className="mt-4">
      <input name="phone" type="hidden" value={phone} />
      <SubmitButton offline={t("offline")} pending={t("sending")} quiet={!isOnlyWay}>
        {t("resend")}
      </SubmitButton>
    </form>
  );
  if (waitMs === 0) return button;
  return (
    <>
      <p className="mt-5 text-small text-soft">
        {t.rich("resendIn", { time: () => <Countdown key={waitMs} ms={waitMs} /> })}
      </p>
      {/* Without a script nothing counts down, so the button is there from the beginning. */}
      <noscript>{button}</noscript>
    </>
  );
}

async function DemonstrationNotice({ code }: { code: string | null }) {
  const t = await getTranslations("login");
  return (
    <div className="mt-6">
      <Notice>{code ? t("demoCode", { code }) : t("demoTerminal")}</Notice>
    </div>
  );
}
