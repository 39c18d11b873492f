import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { answerNotFound } from "@/app/page-refusals";
import { AfterWait } from "@/components/after-wait";
import { Countdown } from "@/components/countdown";
import { DeadCode, isDead } from "@/components/dead-code";
import { FieldError } from "@/components/field-error";
import { Focused } from "@/components/focused";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { stampForm } from "@/lib/auth/form-stamps";
import { currentRequester } from "@/lib/auth/requesters";
import { requireSession } from "@/lib/auth/required-session";
import { applyNowCodes, getApplyNowCodes } from "@/lib/core/accounts/apply-now";
import { DelayedAction, type DelayedChange, listDelayedChanges } from "@/lib/core/accounts/delayed-changes";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { formatRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { CODE_DIGITS } from "@/lib/core/policy";
import { DemonstrationNotice } from "../../../demonstration-notice";
import NotFound, { generateMetadata as describeNotFound } from "../../../not-found";
import { CodesForm } from "../../codes-form";
import { ChangeNotice } from "../../delayed-changes";
import { enterApplyNowCodes, sendApplyNowCodes } from "./actions";

type PageOptions = PageProps<"/account/delayed/[action]">;

const readAction = async ({ params }: Pick<PageOptions, "params">) =>
  DelayedAction.safeParse((await params).action).data ?? null;

export async function generateMetadata(options: PageOptions): Promise<Metadata> {
  const action = await readAction(options);
  if (!action) return describeNotFound();
  const t = await getTranslations("delayed");
  return { title: t("applyNowTitle", { what: action }), robots: { index: false } };
}

/** Where a change that waits is applied now: by a fresh code to each of the account's factors. */
export default async function ApplyNowPage(options: PageOptions) {
  const action = await readAction(options);
  if (!action) {
    answerNotFound();
    return <NotFound />;
  }
  const session = await requireSession("/account");
  const [t, words, codes, delayed, { problem }] = await Promise.all([
    getTranslations("delayed"),
    getTranslations("change"),
    applyNowCodes(session),
    listDelayedChanges(session),
    options.searchParams,
  ]);
  const change = delayed.find((one) => one.action === action);
  if (!codes || !change) redirect("/account");
  const { statuses, resendInMs } = await getApplyNowCodes(codes, await currentRequester());
  const { phone, email } = statuses;
  const live = phone && email && phone.state !== "used" && email.state !== "used" ? { phone, email } : null;
  const isOver = !live || isDead(live.phone) || isDead(live.email);
  const to = (recipient: Recipient) => () => (
    <span className={recipient.kind === "phone" ? "whitespace-nowrap" : "break-words"}>
      {formatRecipient(recipient)}
    </span>
  );
  return (
    <Sheet>
      <h1>{t("applyNowTitle", { what: action })}</h1>
      <div className="mt-6">
        <ChangeNotice change={change} />
      </div>
      <p className="mt-6 mb-8 text-soft">
        {t.rich("applyNowLead", { phone: to(codes.phone.recipient), email: to(codes.email.recipient) })}
      </p>
      {problem === "not_sent" && (
        <div className="mb-6">
          <FieldError id="problem">{words("code_not_sent")}</FieldError>
        </div>
      )}
      {live && (
        <CodeStep
          change={change}
          codes={live}
          recipients={{ phone: codes.phone.recipient, email: codes.email.recipient }}
        />
      )}
      <AfterWait
        ms={resendInMs}
        wait={words.rich("resendIn", { time: () => <Countdown key={resendInMs} ms={resendInMs} /> })}
      >
        <form action={sendApplyNowCodes} className="mt-4">
          <input name="action" type="hidden" value={action} />
          <input name="stamp" type="hidden" value={await stampForm()} />
          <SubmitButton offline={words("offline")} pending={words("sending")} quiet={!isOver}>
            {live ? words("resend") : t("send")}
          </SubmitButton>
        </form>
      </AfterWait>
      <p className="mt-6">
        <Link className="link" href="/account">
          {t("back")}
        </Link>
      </p>
      <DemonstrationNotice />
    </Sheet>
  );
}

async function CodeStep({
  change: { action, dueAt },
  codes,
  recipients,
}: {
  change: DelayedChange;
  codes: Record<"phone" | "email", CodeStatus>;
  recipients: Record<"phone" | "email", Recipient>;
}) {
  const [t, words, login] = await Promise.all([
    getTranslations("delayed"),
    getTranslations("change"),
    getTranslations("login"),
  ]);
  const names = ["phone", "email"] as const;
  const both = names.map((name) => codes[name]);
  const labelOf = (name: "phone" | "email") => words("code", { to: formatRecipient(recipients[name]) });
  const key = both.map(({ sentAt }) => sentAt.getTime()).join();
  if (both.some(isDead)) {
    return (
      <Focused key={key}>
        {names.map((name) => (
          <DeadCode code={codes[name]} id={`${name}-error`} key={name} label={labelOf(name)} />
        ))}
      </Focused>
    );
  }
  const fields = names.map((name) => {
    const { digits } = codes[name];
    return {
      name,
      label: labelOf(name),
      isMessage: name === "phone",
      hint: digits > CODE_DIGITS ? login("codeLonger", { digits }) : null,
      errors: { missing: words("missing"), malformed: words("malformed", { digits }), wrong: words("wrong") },
    };
  });
  const expiresInMs = Math.min(...both.map((status) => status.expiresInMs));
  return (
    <>
      <CodesForm
        action={enterApplyNowCodes}
        fields={fields}
        hidden={{ action, dueAt: dueAt.toISOString() }}
        key={key}
        words={{
          submit: t("submit", { what: action }),
          pending: words("checking"),
          offline: words("offline"),
        }}
      />
      <Countdown hidden key={`expiry ${expiresInMs}`} ms={expiresInMs} />
    </>
  );
}
