import type { Metadata } from "next";
import Link from "next/link";
import { getFormatter, getTranslations } from "next-intl/server";
import { CopyButton } from "@/components/copy-button";
import { Focused } from "@/components/focused";
import { Growth } from "@/components/growth";
import { MaskedIdentity } from "@/components/masked-identity";
import { Moment } from "@/components/moment";
import { Notice } from "@/components/notice";
import { QrCode } from "@/components/qr-code";
import { ShareButton } from "@/components/share-button";
import { Ticket, TicketCode } from "@/components/ticket";
import { requireAccount } from "@/lib/auth/required-session";
import { type Profile, provenFactor } from "@/lib/core/accounts/accounts";
import { formatPhone, type Phone } from "@/lib/core/identity/phone";
import { formatRecipient } from "@/lib/core/identity/recipient";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { listReferrals, listReferralTimes, ReferralCursor } from "@/lib/core/invites/referrals";
import { env } from "@/lib/env";
import { DelayedChanges } from "../account/delayed-changes";
import { NewDevices } from "../account/new-devices";
import { InviteForm } from "../i/invite-form";
import { logOutAndGoHome } from "./actions";

/** How many referrals an account needs for their chart to be shown. */
const GROWTH_STEPS_MIN = 3;

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("profile");
  return { title: t("title"), robots: { index: false } };
}

/** Shows an account's invite code, its referrals, and the code that it has activated or the form to activate one. */
export default async function ProfilePage({ searchParams }: PageProps<"/profile">) {
  const { session, account: profile } = await requireAccount(null);
  const [t, query] = await Promise.all([getTranslations("profile"), searchParams]);
  return (
    <>
      <h1 className="sr-only">{t("title")}</h1>
      {query.done === "activated" && profile.activated?.inviter && <Welcome inviter={profile.activated.inviter} />}
      <DelayedChanges />
      <NewDevices session={session} />
      {!profile.phone && profile.claimedPhone && <UnprovenPhone phone={profile.claimedPhone} />}
      <InviteTicket code={profile.inviteCode} />
      <div className="mt-12 grid gap-12 md:grid-cols-[1fr_340px]">
        <Referrals
          after={ReferralCursor.safeParse(query.after).data ?? null}
          areNumbersShown={query.numbers === "shown"}
          total={profile.referralCount}
          userId={session.userId}
        />
        {/* On a narrow screen the form for an inviter's code is above the list of referrals, the activated code below it. */}
        <aside aria-labelledby="activation" className={profile.activated ? "" : "order-first md:order-none"}>
          <div className="rounded-card border border-line p-5">
            {profile.activated ? <Activated activated={profile.activated} /> : <ActivateForm />}
          </div>
        </aside>
      </div>
      <div className="mt-14 flex flex-wrap items-center gap-x-3 border-t border-line pt-3 text-small text-soft">
        <p className="min-w-0 break-words">
          {t("signedInAs", { identity: formatRecipient(provenFactor(profile, "phone")) })}
        </p>
        <Link className="link text-ink" href="/account">
          {t("account")}
        </Link>
        <form action={logOutAndGoHome}>
          <button className="link text-ink" type="submit">
            {t("logOut")}
          </button>
        </form>
      </div>
    </>
  );
}

async function Welcome({ inviter }: { inviter: string }) {
  const t = await getTranslations("profile");
  return (
    <div className="mb-6">
      <Focused>
        <Notice>{t.rich("activatedNow", { phone: () => <MaskedIdentity masked={inviter} /> })}</Notice>
      </Focused>
    </div>
  );
}

/** Reminds a person who signed up by mail that their phone is not proven yet. */
async function UnprovenPhone({ phone }: { phone: Phone }) {
  const t = await getTranslations("profile");
  return (
    <div className="mb-6">
      <Notice>
        <p>{t("phoneUnproven", { phone: formatPhone(phone) })}</p>
        <Link className="link" href="/account/phone">
          {t("provePhone")}
        </Link>
      </Notice>
    </div>
  );
}

async function InviteTicket({ code }: { code: InviteCode }) {
  const t = await getTranslations("profile");
  const url = `${env.APP_URL}/i/${code}`;
  const text = t("shareText", { code });
  const [shownUrl, shownText] = [encodeURIComponent(url), encodeURIComponent(text)];
  const services = [
    { name: "Telegram", href: `https://t.me/share/url?url=${shownUrl}&text=${shownText}` },
    { name: "WhatsApp", href: `https://wa.me/?text=${encodeURIComponent(`${text} ${url}`)}` },
    { name: "VK", href: `https://vk.com/share.php?url=${shownUrl}&title=${shownText}` },
  ];
  return (
    <Ticket
      stub={
        <div className="size-[236px]">
          <QrCode label={t("qr")} text={url} />
        </div>
      }
    >
      <h2 className="font-semibold text-small text-soft tracking-normal">{t("yourCode")}</h2>
      <TicketCode code={code} />
      <p className="mt-2 text-small text-soft">{t("dictate")}</p>
      <p className="mt-4 font-medium">
        <span className="sr-only select-none">{t("link")}: </span>
        <span className="select-all break-all">{url}</span>
      </p>
      <div className="mt-4">
        <CopyButton done={t("copied")} failed={t("copyFailed")} label={t("copy")} text={url} />
      </div>
      {/* Two columns or one row. The button for the share sheet appears late and only in some browsers; it must not move the others. */}
      <ul className="mt-2.5 grid grid-cols-2 gap-2.5 lg:auto-cols-fr lg:grid-flow-col lg:grid-cols-none">
        <ShareButton label={t("share")} text={text} url={url} />
        {services.map(({ name, href }) => (
          <li className="last:odd:col-span-2 lg:last:odd:col-span-1" key={name}>
            <a
              aria-label={t("shareVia", { service: name })}
              className="button-quiet"
              href={href}
              rel="noopener noreferrer"
              target="_blank"
            >
              {name}
            </a>
          </li>
        ))}
      </ul>
    </Ticket>
  );
}

async function Referrals({
  userId,
  total,
  after,
  areNumbersShown,
}: {
  userId: number;
  total: number;
  after: ReferralCursor | null;
  areNumbersShown: boolean;
}) {
  const [t, format, { referrals, next }, times] = await Promise.all([
    getTranslations("profile"),
    getFormatter(),
    listReferrals(userId, { after }),
    listReferralTimes(userId),
  ]);
  const first = times[0];
  const atFirst = total - times.length + 1;
  const listAt = (cursor: ReferralCursor | null, isWithNumbers: boolean) => ({
    pathname: "/profile" as const,
    query: { ...(cursor && { after: ReferralCursor.encode(cursor) }), ...(isWithNumbers && { numbers: "shown" }) },
    hash: "referrals",
  });
  return (
    <section aria-labelledby="referrals" className="min-w-0">
      <h2 id="referrals">{t("referrals", { count: total })}</h2>
      {total === 0 && <p className="mt-3 text-soft">{t("noReferrals")}</p>}
      {first && times.length >= GROWTH_STEPS_MIN && (
        <div className="mt-5">
          <Growth
            label={t("growth", {
              first: format.dateTime(first, { dateStyle: "long" }),
              from: atFirst,
              to: total,
            })}
            now={new Date()}
            times={times}
          />
          <p aria-hidden="true" className="mt-1 flex justify-between text-tiny text-soft">
            <span>
              {atFirst} · <Moment at={first} />
            </span>
            <span>
              {t("growthNow")} · {total}
            </span>
          </p>
        </div>
      )}
      {referrals.length > 0 && (
        <>
          <Link className="link mt-3 text-small" href={listAt(after, !areNumbersShown)} replace scroll={false}>
            {areNumbersShown ? t("hideNumbers") : t("showNumbers")}
          </Link>
          <ul className="mt-1 border-t border-line">
            {referrals.map(({ phone, masked, activatedAt }, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a key goes to the browser, so it is neither phone nor account.
              <li className="flex flex-wrap justify-between gap-x-4 border-b border-line py-3.5" key={at}>
                <span className="tabular-nums">
                  {areNumbersShown && phone ? formatPhone(phone) : <MaskedIdentity masked={masked} />}
                </span>
                <span className="text-soft">
                  <Moment at={activatedAt} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      <div className="mt-4 flex flex-wrap gap-x-6 text-small">
        {next && (
          <Link className="link" href={listAt(next, areNumbersShown)}>
            {t("more")}
          </Link>
        )}
        {after && (
          <Link className="link" href={listAt(null, areNumbersShown)}>
            {t("newest")}
          </Link>
        )}
      </div>
    </section>
  );
}

async function Activated({ activated }: { activated: NonNullable<Profile["activated"]> }) {
  const t = await getTranslations("profile");
  const { code, inviter, activatedAt } = activated;
  return (
    <>
      <h2 className="font-semibold text-small text-soft tracking-normal" id="activation">
        {inviter ? (
          <>
            {t("cameBy")} <MaskedIdentity masked={inviter} />
          </>
        ) : (
          t("cameByGone")
        )}
      </h2>
      <p className="mt-1 font-extrabold text-code-small tracking-code">{code}</p>
      <p className="mt-1 text-small text-soft">{t.rich("activatedAt", { time: () => <Moment at={activatedAt} /> })}</p>
    </>
  );
}

async function ActivateForm() {
  const t = await getTranslations("profile");
  return (
    <>
      <h2 id="activation">{t("activateTitle")}</h2>
      <p className="mt-2 mb-5 text-small text-soft">{t("activateLead")}</p>
      <InviteForm />
    </>
  );
}
