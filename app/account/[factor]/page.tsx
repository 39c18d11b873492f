import type { Metadata } from "next";
import Link from "next/link";
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
import { readPendingChange } from "@/lib/auth/pending-change";
import { currentRequester } from "@/lib/auth/requesters";
import { requireAccount } from "@/lib/auth/required-session";
import { type Account, provenFactor } from "@/lib/core/accounts/accounts";
import { getIdentityChange, type IdentityChange } from "@/lib/core/accounts/change-identity";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { PHONE_PLACEHOLDER } from "@/lib/core/identity/phone";
import { formatRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { CODE_DIGITS } from "@/lib/core/policy";
import { DemonstrationNotice } from "../../demonstration-notice";
import NotFound, { generateMetadata as describeNotFound } from "../../not-found";
import { CodesForm } from "../codes-form";
import { DelayedChanges } from "../delayed-changes";
import { WillWait } from "../will-wait";
import { enterChangeCodes, resendChangeCodes, sendChangeCodes } from "./actions";
import { Factor } from "./factor";
import { FactorForm } from "./factor-form";

type PageOptions = PageProps<"/account/[factor]">;

/** Whose page it is, and what it is about; null where there is no such page. Somebody who is logged out is led to the login. */
async function readPage({ params }: Pick<PageOptions, "params">) {
  const factor = Factor.safeParse((await params).factor).data;
  return factor ? { factor, ...(await requireAccount(`/account/${factor}`)) } : null;
}

const titleOf = async (factor: Factor, account: Account) => {
  const isConfirmed = factor === "phone" && account.claimedPhone !== null;
  const was = account[factor] ? "changed" : isConfirmed ? "confirmed" : "added";
  return (await getTranslations("change"))("title", { factor, was });
};

export async function generateMetadata(options: PageOptions): Promise<Metadata> {
  const page = await readPage(options);
  if (!page) return describeNotFound();
  const { factor, account } = page;
  return { title: await titleOf(factor, account), robots: { index: false } };
}

/** Where the phone or mailbox of an account is added or changed: by a code to the old factor and one to the new. */
export default async function ChangePage(options: PageOptions) {
  const page = await readPage(options);
  if (!page) {
    answerNotFound();
    return <NotFound />;
  }
  const { factor, session, account } = page;
  const [t, { step, problem }] = await Promise.all([getTranslations("change"), options.searchParams]);
  const pending = await readPendingChange(session);
  const change = pending && pending.next.kind === factor ? pending : null;
  const sent = change && (await getIdentityChange(session, change, await currentRequester()));
  const { old, new: next } = sent?.statuses ?? {};
  const codes = old && next && old.state !== "used" ? { old, new: next } : null;
  const isCodeStep = step !== "edit" && problem !== "lost";
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{await titleOf(factor, account)}</h1>
      <WillWait session={session} what={factor} />
      {change && sent && codes && isCodeStep ? (
        <CodeStep change={change} codes={codes} factor={factor} old={sent.old} resendInMs={sent.resendInMs}>
          {problem === "not_sent" && <Problem>{t("code_not_sent")}</Problem>}
        </CodeStep>
      ) : (
        <FactorStep account={account} change={change} factor={factor}>
          {problem === "taken" && <Problem>{t("identity_taken", { factor })}</Problem>}
          {problem === "lost" && <Problem>{t("lost")}</Problem>}
        </FactorStep>
      )}
      <p className="mt-6">
        <Link className="link" href="/account">
          {t("back")}
        </Link>
      </p>
      <DemonstrationNotice />
    </Sheet>
  );
}

function Problem({ children }: { children: string }) {
  return (
    <div className="mb-6">
      <FieldError id="problem">{children}</FieldError>
    </div>
  );
}

/** A phone stays in one piece; an address is broken where it must. */
function Identity({ of }: { of: Recipient }) {
  return <span className={of.kind === "phone" ? "whitespace-nowrap" : "break-words"}>{formatRecipient(of)}</span>;
}

async function FactorStep({
  factor,
  account,
  change,
  children,
}: {
  factor: Factor;
  account: Account;
  /** What was typed before. */
  change: IdentityChange | null;
  children: React.ReactNode;
}) {
  const t = await getTranslations("change");
  const old = provenFactor(account, factor);
  if (!IS_MAIL_OFFERED && (factor === "email" || old.kind === "email")) {
    return <p className="mt-3 text-soft">{t("mail_unavailable")}</p>;
  }
  const known = change?.next ?? (factor === "phone" && account.claimedPhone && phoneRecipient(account.claimedPhone));
  const isFirst = account[factor] === null;
  return (
    <>
      <p className="mt-3 mb-8 text-soft">{t.rich("lead", { factor, old: () => <Identity of={old} /> })}</p>
      {children}
      <FactorForm
        action={sendChangeCodes}
        factor={factor}
        stamp={await stampForm()}
        placeholder={factor === "phone" ? PHONE_PLACEHOLDER : ""}
        value={known ? formatRecipient(known) : ""}
        words={{
          label: t(factor === "phone" ? (isFirst ? "phone" : "newPhone") : isFirst ? "email" : "newEmail"),
          submit: t("send"),
          pending: t("sending"),
          offline: t("offline"),
          errors: {
            phone_missing: t("phone_missing"),
            phone_invalid: t("phone_invalid"),
            email_missing: t("email_missing"),
            email_invalid: t("email_invalid"),
            identity_same: t("identity_same", { factor }),
            code_not_sent: t("code_not_sent"),
            budget_spent: t("budget_spent"),
            country_not_allowed: t("country_not_allowed"),
            mail_unavailable: t("mail_unavailable"),
          },
        }}
      />
    </>
  );
}

async function CodeStep({
  factor,
  change: { next },
  old,
  codes,
  resendInMs,
  children,
}: {
  factor: Factor;
  change: IdentityChange;
  old: Recipient;
  codes: Record<"old" | "new", CodeStatus>;
  resendInMs: number;
  children: React.ReactNode;
}) {
  const [t, login] = await Promise.all([getTranslations("change"), getTranslations("login")]);
  const labelOf = (to: Recipient) => t("code", { to: formatRecipient(to) });
  const fieldOf = (name: "old" | "new", to: Recipient) => {
    const { digits } = codes[name];
    return {
      name,
      label: labelOf(to),
      isMessage: to.kind === "phone",
      hint: digits > CODE_DIGITS ? login("codeLonger", { digits }) : null,
      errors: { missing: t("missing"), malformed: t("malformed", { digits }), wrong: t("wrong") },
    };
  };
  const both = [codes.old, codes.new];
  const isOver = both.some(isDead);
  const expiresInMs = Math.min(...both.map((status) => status.expiresInMs));
  const key = both.map(({ sentAt }) => sentAt.getTime()).join();
  return (
    <>
      <p className="mt-3 mb-6 flex flex-wrap items-center gap-x-1.5 text-soft">
        <span className="min-w-0">
          {t.rich("sent", { old: () => <Identity of={old} />, next: () => <Identity of={next} /> })}
        </span>
        <Link
          aria-label={factor === "phone" ? t("editPhone") : t("editEmail")}
          className="link text-ink"
          href={`/account/${factor}?step=edit`}
          prefetch={false}
          replace
        >
          {t("edit")}
        </Link>
      </p>
      {children}
      {isOver ? (
        <Focused key={key}>
          <DeadCode code={codes.old} id="old-error" label={labelOf(old)} />
          <DeadCode code={codes.new} id="new-error" label={labelOf(next)} />
        </Focused>
      ) : (
        <>
          <CodesForm
            action={enterChangeCodes}
            fields={[fieldOf("old", old), fieldOf("new", next)]}
            hidden={{ factor }}
            key={key}
            words={{ submit: t("submit"), pending: t("checking"), offline: t("offline") }}
          />
          <Countdown hidden key={`expiry ${expiresInMs}`} ms={expiresInMs} />
        </>
      )}
      <AfterWait
        ms={resendInMs}
        wait={t.rich("resendIn", { time: () => <Countdown key={resendInMs} ms={resendInMs} /> })}
      >
        <form action={resendChangeCodes} className="mt-4">
          <input name="stamp" type="hidden" value={await stampForm()} />
          <SubmitButton offline={t("offline")} pending={t("sending")} quiet={!isOver}>
            {t("resend")}
          </SubmitButton>
        </form>
      </AfterWait>
    </>
  );
}
