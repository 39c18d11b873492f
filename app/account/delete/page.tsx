import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { AfterWait } from "@/components/after-wait";
import { Countdown } from "@/components/countdown";
import { DeadCode, isDead } from "@/components/dead-code";
import { DeliveryNote } from "@/components/delivery-note";
import { FieldError } from "@/components/field-error";
import { Focused } from "@/components/focused";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { stampForm } from "@/lib/auth/form-stamps";
import { currentRequester } from "@/lib/auth/requesters";
import { requireSession } from "@/lib/auth/required-session";
import { deletionCode } from "@/lib/core/accounts/delete-account";
import { type CodeStatus, getCodeStatus, getFirstWaitMs } from "@/lib/core/challenges/code-status";
import { formatRecipient } from "@/lib/core/identity/recipient";
import { AUDIT_EVENTS_KEPT_MS, CODE_DIGITS, DELIVERIES_KEPT_MS, WRONG_CODES_KEPT_MS } from "@/lib/core/policy";
import { DemonstrationNotice } from "../../demonstration-notice";
import { CodesForm } from "../codes-form";
import { DelayedChanges } from "../delayed-changes";
import { WillWait } from "../will-wait";
import { enterDeletionCode, sendDeletionCode } from "./actions";

const DAY_MS = 24 * 60 * 60 * 1000;
const daysOf = (ms: number) => Math.ceil(ms / DAY_MS);

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("deletion");
  return { title: t("title"), robots: { index: false } };
}

/** Where an account is deleted, for good, by a fresh code. */
export default async function DeletePage({ searchParams }: PageProps<"/account/delete">) {
  const session = await requireSession("/account/delete");
  const [t, { sent }, owner] = await Promise.all([getTranslations("deletion"), searchParams, deletionCode(session)]);
  const { recipient } = owner;
  const requester = await currentRequester();
  const status = await getCodeStatus(owner, requester);
  const waitMs = status?.resendInMs ?? (await getFirstWaitMs(owner, requester));
  const to = () => (
    <span className={recipient.kind === "phone" ? "whitespace-nowrap" : "break-words"}>
      {formatRecipient(recipient)}
    </span>
  );
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{t("title")}</h1>
      <p className="mt-3 text-soft">{t("lead")}</p>
      <WillWait session={session} what="deletion" />
      <Consequences items={[t("goesAccount"), t("goesSessions"), t("goesActivation")]} title={t("goes")} />
      <Consequences
        items={[
          t("staysCode"),
          t("staysEvents", { eventDays: daysOf(AUDIT_EVENTS_KEPT_MS) }),
          t("staysCodes", { wrongCodeDays: daysOf(WRONG_CODES_KEPT_MS), days: daysOf(DELIVERIES_KEPT_MS) }),
        ]}
        title={t("stays")}
      />
      <p className="mt-3 text-small">
        {/* A file, which must not be fetched before it is asked for. */}
        <a className="link" href="/account/export">
          {t("export")}
        </a>
      </p>
      <p className="mt-3 mb-5">{status ? t.rich("sentTo", { to }) : t.rich("willSend", { to })}</p>
      {sent === "no" && (
        <div className="mb-6">
          <FieldError id="not-sent">{t("notSent")}</FieldError>
        </div>
      )}
      {status && <CodeStep isMessage={recipient.kind === "phone"} status={status} />}
      <SendCode isAgain={status !== null} isOnlyWay={!status || isDead(status)} waitMs={waitMs} />
      <p className="mt-6">
        <Link className="link" href="/account">
          {t("back")}
        </Link>
      </p>
      <DemonstrationNotice />
    </Sheet>
  );
}

function Consequences({ title, items }: { title: string; items: string[] }) {
  return (
    <section className="mt-6">
      <h2 className="text-large">{title}</h2>
      <ul className="mt-2 ml-5 list-disc space-y-1.5 text-small marker:text-soft">
        {items.map((item) => (
          <li key={item}>{item}</li>
        ))}
      </ul>
    </section>
  );
}

async function CodeStep({ status, isMessage }: { status: CodeStatus; isMessage: boolean }) {
  const [t, login] = await Promise.all([getTranslations("deletion"), getTranslations("login")]);
  const { digits, delivery, sentAt, expiresInMs } = status;
  if (isDead(status)) {
    return (
      <Focused key={sentAt.getTime()}>
        <DeadCode code={status} id="code-error" />
      </Focused>
    );
  }
  return (
    <>
      <DeliveryNote delivery={delivery} />
      <CodesForm
        action={enterDeletionCode}
        fields={[
          {
            name: "code",
            label: t("code"),
            isMessage,
            hint: digits > CODE_DIGITS ? login("codeLonger", { digits }) : null,
            errors: {
              missing: t("missing"),
              malformed: t("malformed", { digits }),
              wrong: t("wrong"),
            },
          },
        ]}
        key={sentAt.getTime()}
        words={{ submit: t("submit"), pending: t("deleting"), offline: t("offline") }}
      />
      <Countdown hidden key={`expiry ${expiresInMs}`} ms={expiresInMs} />
    </>
  );
}

async function SendCode({
  isAgain,
  isOnlyWay,
  waitMs,
}: {
  isAgain: boolean;
  /** Whether nothing but a code leads on. */
  isOnlyWay: boolean;
  waitMs: number;
}) {
  const t = await getTranslations("deletion");
  return (
    <AfterWait ms={waitMs} wait={t.rich("resendIn", { time: () => <Countdown key={waitMs} ms={waitMs} /> })}>
      <form action={sendDeletionCode} className="mt-4">
        <input name="stamp" type="hidden" value={await stampForm()} />
        <SubmitButton offline={t("offline")} pending={t("sending")} quiet={!isOnlyWay}>
          {isAgain ? t("resend") : t("send")}
        </SubmitButton>
      </form>
    </AfterWait>
  );
}
