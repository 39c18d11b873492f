import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { answerNotFound } from "@/app/page-refusals";
import { Problem } from "@/components/problem";
import { currentRequester } from "@/lib/auth/current-requester";
import { stampForm } from "@/lib/auth/form-stamps";
import { readPendingChange } from "@/lib/auth/pending-change";
import { requireAccount } from "@/lib/auth/required-session";
import { type Account, provenFactor } from "@/lib/core/accounts/accounts";
import { getChangeCodeStatuses, type IdentityChange } from "@/lib/core/accounts/change-identity";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { PHONE_PLACEHOLDER } from "@/lib/core/identity/phone";
import { formatRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { CodeStep } from "../../code-step";
import NotFound, { generateMetadata as describeNotFound } from "../../not-found";
import { RecipientForm } from "../../recipient-form";
import { CodePage } from "../code-page";
import { DelayWarning } from "../delay-warning";
import { DelayedChanges } from "../delayed-changes";
import { RecipientText } from "../recipient-text";
import { enterChangeCodes, resendChangeCodes, sendChangeCodes } from "./actions";
import { Factor } from "./factor";

type PageOptions = PageProps<"/account/[factor]">;

/** Reads the factor in the address and this session's account: null for an unknown factor. Redirects to the login without a session. */
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

/** The page that adds or changes an account's phone or mailbox, by a code sent to the old factor and one sent to the new factor. */
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
  const sent = change && (await getChangeCodeStatuses(session, change, await currentRequester()));
  const { old, new: next } = sent?.statuses ?? {};
  const statuses = old && next && old.state !== "used" ? { old, new: next } : null;
  const isCodeStep = step !== "edit" && problem !== "lost";
  return (
    <CodePage back={t("back")}>
      <DelayedChanges />
      <h1>{await titleOf(factor, account)}</h1>
      <DelayWarning session={session} what={factor} />
      {change && sent && statuses && isCodeStep ? (
        <ChangeStep change={change} factor={factor} old={sent.old} resendInMs={sent.resendInMs} statuses={statuses}>
          {problem === "not_sent" && <Problem id="problem">{t("code_not_sent")}</Problem>}
        </ChangeStep>
      ) : (
        <FactorStep account={account} change={change} factor={factor}>
          {problem === "taken" && <Problem id="problem">{t("identity_taken", { factor })}</Problem>}
          {problem === "lost" && <Problem id="problem">{t("lost")}</Problem>}
        </FactorStep>
      )}
    </CodePage>
  );
}

async function FactorStep({
  factor,
  account,
  change,
  children,
}: {
  factor: Factor;
  account: Account;
  /** The change that has begun already, whose new phone or mailbox is filled in; null if there is none. */
  change: IdentityChange | null;
  children: React.ReactNode;
}) {
  const [t, code] = await Promise.all([getTranslations("change"), getTranslations("code")]);
  const old = provenFactor(account, factor);
  if (!IS_MAIL_OFFERED && (factor === "email" || old.kind === "email")) {
    return <p className="mt-3 text-soft">{t("mail_unavailable")}</p>;
  }
  const known = change?.next ?? (factor === "phone" && account.claimedPhone && phoneRecipient(account.claimedPhone));
  const isFirst = account[factor] === null;
  return (
    <>
      <p className="mt-3 mb-8 text-soft">{t.rich("lead", { factor, old: () => <RecipientText of={old} /> })}</p>
      {children}
      <RecipientForm
        action={sendChangeCodes}
        fields={[
          {
            kind: factor,
            label: t(factor === "phone" ? (isFirst ? "phone" : "newPhone") : isFirst ? "email" : "newEmail"),
            value: known ? formatRecipient(known) : "",
            placeholder: factor === "phone" ? PHONE_PLACEHOLDER : "",
          },
        ]}
        hidden={{ stamp: await stampForm() }}
        words={{
          submit: t("send"),
          pending: code("sending"),
          offline: code("offline"),
          errors: {
            phone_missing: t("phone_missing"),
            phone_invalid: t("phone_invalid"),
            email_missing: t("email_missing"),
            email_invalid: t("email_invalid"),
            account_test: t("account_test"),
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

async function ChangeStep({
  factor,
  change: { next },
  old,
  statuses,
  resendInMs,
  children,
}: {
  factor: Factor;
  change: IdentityChange;
  old: Recipient;
  statuses: Record<"old" | "new", CodeStatus>;
  resendInMs: number;
  children: React.ReactNode;
}) {
  const t = await getTranslations("change");
  return (
    <>
      <p className="mt-3 mb-6 flex flex-wrap items-center gap-x-1.5 text-soft">
        <span className="min-w-0">
          {t.rich("sent", { old: () => <RecipientText of={old} />, next: () => <RecipientText of={next} /> })}
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
      <CodeStep
        codes={[
          { name: "old", recipient: old, status: statuses.old },
          { name: "new", recipient: next, status: statuses.new },
        ]}
        enter={{ action: enterChangeCodes, label: t("submit") }}
        hidden={{ factor }}
        send={{ action: resendChangeCodes, waitMs: resendInMs }}
      />
    </>
  );
}
