import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AfterWait } from "@/components/after-wait";
import { Countdown } from "@/components/countdown";
import { FieldError } from "@/components/field-error";
import { Notice } from "@/components/notice";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { currentSession } from "@/lib/auth/nextauth";
import { currentRequester } from "@/lib/auth/requesters";
import { getUnproven, phoneProofCode } from "@/lib/core/accounts";
import { getCodeStatus } from "@/lib/core/challenges";
import { formatPhone } from "@/lib/core/phone";
import { env } from "@/lib/env";
import { enterProofCodes, sendProofCodes } from "./actions";
import { ProofForm } from "./proof-form";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("provePhone");
  return { title: t("title"), robots: { index: false } };
}

/** Where somebody who came by mail proves the phone: by a code to each. */
export default async function ProvePhonePage({ searchParams }: PageProps<"/profile/phone">) {
  const session = await currentSession();
  if (!session) redirect("/login");
  const unproven = await getUnproven(session.userId);
  if (!unproven) redirect("/profile");
  const [t, { sent, taken }] = await Promise.all([getTranslations("provePhone"), searchParams]);
  const by = await currentRequester();
  const statuses = await Promise.all([
    getCodeStatus(phoneProofCode(unproven.email, session), by),
    getCodeStatus(phoneProofCode(unproven.claimedPhone, session), by),
  ]);
  const areSent = statuses.every((status) => status && status.state !== "used");
  const to = {
    email: unproven.email,
    phone: () => <span className="whitespace-nowrap">{formatPhone(unproven.claimedPhone)}</span>,
  };
  return (
    <Sheet>
      <h1>{t("title")}</h1>
      <p className="mt-3 mb-8 break-words text-soft">{areSent ? t.rich("sent", to) : t.rich("lead", to)}</p>
      {sent === "no" && (
        <div className="mb-6">
          <FieldError id="not-sent">{t("notSent")}</FieldError>
        </div>
      )}
      {taken === "yes" && (
        <div className="mb-6">
          <FieldError id="taken">{t("taken")}</FieldError>
        </div>
      )}
      {areSent && (
        <ProofForm
          action={enterProofCodes}
          key={statuses.map((status) => status?.sentAt.getTime()).join()}
          words={{
            emailCode: t("emailCode"),
            phoneCode: t("phoneCode"),
            submit: t("submit"),
            pending: t("checking"),
            offline: t("offline"),
            errors: { missing: t("missing"), malformed: t("malformed"), wrong: t("wrong"), dead: t("dead") },
          }}
        />
      )}
      <SendCodes isAgain={areSent} waitMs={Math.max(0, ...statuses.map((status) => status?.resendInMs ?? 0))} />
      <p className="mt-6">
        <Link className="link" href="/profile">
          {t("back")}
        </Link>
      </p>
      {env.REVEAL_CODES && (
        <div className="mt-6">
          <Notice>{t("demo")}</Notice>
        </div>
      )}
    </Sheet>
  );
}

async function SendCodes({ isAgain, waitMs }: { isAgain: boolean; waitMs: number }) {
  const t = await getTranslations("provePhone");
  return (
    <AfterWait ms={waitMs} wait={t.rich("resendIn", { time: () => <Countdown key={waitMs} ms={waitMs} /> })}>
      <form action={sendProofCodes} className="mt-4">
        <SubmitButton offline={t("offline")} pending={t("sending")} quiet={isAgain}>
          {isAgain ? t("resend") : t("send")}
        </SubmitButton>
      </form>
    </AfterWait>
  );
}
