import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { QrCode } from "@/components/qr-code";
import { Ticket, TicketCode } from "@/components/ticket";
import { currentSession } from "@/lib/auth/nextauth";
import { env } from "@/lib/env";
import { DelayedChanges } from "./account/delayed-changes";
import { InviteForm } from "./i/invite-form";

/** Explains the service; for people without a session also shows the form for an invite code. */
export default async function HomePage() {
  const [t, session] = await Promise.all([getTranslations("home"), currentSession()]);
  const steps = [
    { title: t("step1"), text: t("step1Text") },
    { title: t("step2"), text: t("step2Text") },
    { title: t("step3"), text: t("step3Text") },
  ];
  return (
    <>
      <DelayedChanges />
      <section className="grid items-center gap-12 lg:grid-cols-[1fr_300px]">
        <div>
          <h1 className="sm:text-[4rem] sm:leading-[1.05]">{t("title")}</h1>
          <p className="mt-5 text-large text-soft">{t("lead")}</p>
          <div className="mt-8 sm:max-w-[320px]">
            <Link className="button" href={session ? "/profile" : "/login"}>
              {session ? t("profile") : t("begin")}
            </Link>
          </div>
        </div>
        <SampleTicket label={t("sample")} />
      </section>
      <section aria-labelledby="steps" className="mt-20">
        <h2 id="steps">{t("steps")}</h2>
        <ol className="mt-6 grid gap-8 sm:grid-cols-3">
          {steps.map(({ title, text }, at) => (
            <li className="border-t border-line pt-4" key={title}>
              <p className="font-bold text-large">
                <span className="text-red">{at + 1}.</span> {title}
              </p>
              <p className="mt-2 text-soft">{text}</p>
            </li>
          ))}
        </ol>
      </section>
      {!session && (
        <section aria-labelledby="have-code" className="mt-20 max-w-login">
          <h2 className="mb-5" id="have-code">
            {t("haveCode")}
          </h2>
          <InviteForm />
        </section>
      )}
      <p className="mt-20 text-small">
        <Link className="link text-soft" href="/docs" prefetch={false}>
          {t("api")}
        </Link>
      </p>
    </>
  );
}

/** A picture of a ticket with an invite code that no account has. Its QR code leads to the home page. */
function SampleTicket({ label }: { label: string }) {
  return (
    <div aria-hidden="true" className="mx-auto w-[260px] rotate-3 lg:w-full">
      <Ticket
        stub={
          <div className="size-[200px]">
            <QrCode label={label} text={env.APP_URL} />
          </div>
        }
        upright
      >
        <p className="font-semibold text-small text-soft">{label}</p>
        <TicketCode code="7K4M2P" />
      </Ticket>
    </div>
  );
}
