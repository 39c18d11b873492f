import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { Problem } from "@/components/problem";
import { currentRequester } from "@/lib/auth/current-requester";
import { requireSession } from "@/lib/auth/required-session";
import { deletionCode } from "@/lib/core/accounts/delete-account";
import { getCodeStatus, getFirstWaitMs } from "@/lib/core/challenges/code-status";
import { AUDIT_EVENTS_KEPT_MS, DELIVERIES_KEPT_MS, WRONG_CODES_KEPT_MS } from "@/lib/core/policy";
import { CodeStep } from "../../code-step";
import { CodePage } from "../code-page";
import { DelayWarning } from "../delay-warning";
import { DelayedChanges } from "../delayed-changes";
import { RecipientText } from "../recipient-text";
import { enterDeletionCode, sendDeletionCode } from "./actions";

const DAY_MS = 24 * 60 * 60 * 1000;
const daysOf = (ms: number) => Math.ceil(ms / DAY_MS);

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("deletion");
  return { title: t("title"), robots: { index: false } };
}

/** The page on which an account's owner deletes the account, with a one-time code that is sent for the deletion only. */
export default async function DeletePage({ searchParams }: PageProps<"/account/delete">) {
  const session = await requireSession("/account/delete");
  const [t, { sent }, owner] = await Promise.all([getTranslations("deletion"), searchParams, deletionCode(session)]);
  const { recipient } = owner;
  const requester = await currentRequester();
  const status = await getCodeStatus(owner, requester);
  const waitMs = status?.resendInMs ?? (await getFirstWaitMs(owner, requester));
  const to = () => <RecipientText of={recipient} />;
  return (
    <CodePage back={t("back")}>
      <DelayedChanges />
      <h1>{t("title")}</h1>
      <p className="mt-3 text-soft">{t("lead")}</p>
      <DelayWarning session={session} what="deletion" />
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
        {/* A plain link, because Next.js's router would fetch the file in advance. */}
        <a className="link" href="/account/export">
          {t("export")}
        </a>
      </p>
      <p className="mt-3 mb-5">{status ? t.rich("sentTo", { to }) : t.rich("willSend", { to })}</p>
      {sent === "no" && <Problem id="not-sent">{t("notSent")}</Problem>}
      <CodeStep
        codes={[{ name: "code", recipient, status }]}
        enter={{ action: enterDeletionCode, label: t("submit"), pending: t("deleting") }}
        send={{ action: sendDeletionCode, label: t("send"), waitMs }}
      />
    </CodePage>
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
