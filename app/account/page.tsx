import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Focused } from "@/components/focused";
import { Notice } from "@/components/notice";
import { requireAccount } from "@/lib/auth/required-session";
import type { Account } from "@/lib/core/accounts/accounts";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { formatEmail } from "@/lib/core/identity/email";
import { formatPhone } from "@/lib/core/identity/phone";
import { Applications } from "./applications";
import { DelayedChanges } from "./delayed-changes";
import { Devices } from "./devices";
import { NewDevices } from "./new-devices";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("account");
  return { title: t("title"), robots: { index: false } };
}

/** Shows the account's phone and mailbox, its sessions, and links to its history, export and deletion. */
export default async function AccountPage({ searchParams }: PageProps<"/account">) {
  const { session, account } = await requireAccount("/account");
  const [t, { done }] = await Promise.all([getTranslations("account"), searchParams]);
  return (
    <>
      <Link className="link text-small" href="/profile">
        {t("toProfile")}
      </Link>
      <h1 className="mt-2 mb-8">{t("title")}</h1>
      <DoneNotice account={account} done={done} />
      <DelayedChanges />
      <NewDevices session={session} />
      <div className="grid gap-12 md:grid-cols-[1fr_340px] md:grid-rows-[auto_1fr]">
        <Identity account={account} />
        <div className="flex min-w-0 flex-col gap-12 md:col-start-1 md:row-span-2 md:row-start-1">
          <Devices session={session} />
          <Applications session={session} />
        </div>
        <OwnData />
      </div>
    </>
  );
}

/** A notice of what the last step has done, chosen by the query's `done`. */
async function DoneNotice({ account, done }: { account: Account; done: string | string[] | undefined }) {
  const t = await getTranslations("account");
  const words =
    (done === "ended" && t("ended")) ||
    (done === "endedOthers" && t("endedOthers")) ||
    (done === "confirmed" && t("confirmed")) ||
    (done === "rejected" && t("rejected")) ||
    (done === "cancelled" && t("cancelled")) ||
    (done === "withdrawn" && t("withdrawn")) ||
    (done === "requested" && t("requested")) ||
    (done === "appliedNow" && t("appliedNow")) ||
    (done === "gone" && t("gone")) ||
    (done === "waiting" && t("waiting")) ||
    (done === "phone_changed" && account.phone && t("phoneChanged", { phone: formatPhone(account.phone) })) ||
    (done === "email_changed" && account.email && t("emailChanged", { email: formatEmail(account.email) }));
  if (!words) return null;
  return (
    <div className="mb-6">
      <Focused key={String(done)}>
        <Notice>{words}</Notice>
      </Focused>
    </div>
  );
}

async function Identity({ account: { phone, claimedPhone, email } }: { account: Account }) {
  const t = await getTranslations("account");
  const shown = phone ?? claimedPhone;
  const isClaim = !phone && claimedPhone !== null;
  return (
    <section aria-labelledby="login" className="min-w-0 md:col-start-2">
      <h2 id="login">{t("login")}</h2>
      <dl className="mt-4 border-t border-line">
        <Factor
          action={phone ? t("change") : isClaim ? t("confirm") : t("add")}
          actionName={phone ? t("changePhone") : isClaim ? t("confirmPhone") : t("addPhone")}
          href="/account/phone"
          name={t("phone")}
          note={isClaim ? t("claimed") : null}
          value={shown ? formatPhone(shown) : t("noPhone")}
        />
        <Factor
          action={email ? t("change") : t("add")}
          actionName={email ? t("changeEmail") : t("addEmail")}
          href={IS_MAIL_OFFERED ? "/account/email" : null}
          name={t("email")}
          note={null}
          value={email ? formatEmail(email) : t("noEmail")}
        />
      </dl>
    </section>
  );
}

function Factor({
  name,
  value,
  note,
  action,
  actionName,
  href,
}: {
  name: string;
  value: string;
  note: string | null;
  action: string;
  /** The label of the link for screen readers: the page has two links with the same text. */
  actionName: string;
  /** The page that changes the factor; null if it can't be changed. */
  href: "/account/phone" | "/account/email" | null;
}) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 border-b border-line py-2.5">
      <dt className="text-small text-soft">{name}</dt>
      <dd className="col-start-1 break-words font-semibold tabular-nums">
        {value}
        {note && <span className="block text-small font-normal text-soft">{note}</span>}
      </dd>
      {href && (
        <dd className="col-start-2 row-span-2 row-start-1">
          <Link aria-label={actionName} className="link text-small" href={href}>
            {action}
          </Link>
        </dd>
      )}
    </div>
  );
}

async function OwnData() {
  const t = await getTranslations("account");
  return (
    <section aria-labelledby="data" className="min-w-0 md:col-start-2">
      <h2 id="data">{t("data")}</h2>
      <ul className="mt-2 text-small">
        <li>
          <Link className="link" href="/account/history">
            {t("history")}
          </Link>
        </li>
        <li>
          {/* A plain link, because Next.js's router would fetch the file in advance. */}
          <a className="link" href="/account/export">
            {t("export")}
          </a>
        </li>
        <li>
          <Link className="link" href="/account/delete">
            {t("delete")}
          </Link>
        </li>
      </ul>
    </section>
  );
}
