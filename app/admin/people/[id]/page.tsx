import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { MaskedIdentity } from "@/components/masked-identity";
import { shownPhone } from "@/lib/core/accounts/accounts";
import { listSessionsOf } from "@/lib/core/administration/end-sessions";
import { idsIn, readInviteTree } from "@/lib/core/administration/invite-tree";
import { getOutlookOf } from "@/lib/core/administration/outlook";
import { readPerson } from "@/lib/core/administration/people";
import { AccountId } from "@/lib/core/administration/search";
import { listSignalsOf, signalMarkOf } from "@/lib/core/administration/signal-list";
import { listTimelineOf, TimelineCursor } from "@/lib/core/administration/timeline";
import { maskEmail, maskPhone } from "@/lib/core/identity/masking";
import { deviceName } from "@/lib/core/sessions/user-agent";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { LimitNote } from "../../limit-note";
import { OutlookNote } from "../../outlook-note";
import { SignalMark, SignalReasons } from "../../signal-words";
import { TimelineList } from "../../timeline-list";
import { actsOn } from "./acts";
import { ActsCard, DoneAct } from "./acts-card";
import { InviteesCard, InviterChain } from "./invite-tree";
import { ShownIdentity } from "./shown-identity";

type PageOptions = PageProps<"/admin/people/[id]">;

const readId = async ({ params }: Pick<PageOptions, "params">) => AccountId.safeParse((await params).id).data ?? null;

export async function generateMetadata() {
  const t = await getTranslations("admin.person");
  return describeConsolePage(t("title"));
}

/**
 * One account: its identity, masked until it is shown, whether its owner can log in now, what happened to it, what belongs to it, its
 * inviters and invitees, and what an administrator can do.
 */
export default async function PersonPage(options: PageOptions) {
  const id = await readId(options);
  return renderConsolePage({ section: "people", path: `/admin/people/${id ?? 0}` }, async ({ administrator }) => {
    if (id === null) return null;
    const tree = await readInviteTree(administrator, id);
    const found = await readPerson(administrator, id, { besides: idsIn(tree) });
    if (!found.ok) {
      const { failure } = found;
      return failure.name === "budget_spent" ? <LimitNote of="looks" retryAfterMs={failure.retryAfterMs} /> : null;
    }
    const {
      phone,
      claimedPhone,
      email,
      inviteCode,
      activatedCode,
      createdAt,
      blockedAt,
      isTest,
      seenAt,
      referralCount,
    } = found.value;
    const { done, from: typedFrom } = await options.searchParams;
    const from = TimelineCursor.safeParse(typedFrom).data ?? null;
    const [t, device, timeline, outlook, sessions, signals] = await Promise.all([
      getTranslations("admin.person"),
      getTranslations("device"),
      listTimelineOf(administrator, found.value.id, { from }),
      getOutlookOf(found.value),
      listSessionsOf(found.value.id),
      listSignalsOf(found.value.id),
    ]);
    const isOwn = found.value.id === administrator.userId;
    const shown = shownPhone({ phone, claimedPhone });
    return (
      <>
        <DoneAct done={done} />
        <ShownIdentity id={found.value.id} words={{ show: t("show"), showing: t("showing"), recorded: t("recorded") }}>
          {shown && <MaskedIdentity masked={maskPhone(shown)} />}
          {!shown && email && <MaskedIdentity masked={maskEmail(email)} />}
        </ShownIdentity>
        {isTest && (
          <p className="mt-3 max-w-[70ch]">
            {t("test")}{" "}
            <Link className="link" href="/admin/test-numbers" prefetch={false}>
              {t("testNumbers")}
            </Link>
          </p>
        )}
        <OutlookNote isPhoneClaimed={!phone && claimedPhone !== null} outlook={outlook} />
        <div className="mt-5 grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:grid-rows-[auto_1fr]">
          <TimelineList {...timeline} isFirst={from === null} path={`/admin/people/${found.value.id}`} />
          <div className="lg:row-span-2">
            <section aria-labelledby="account" className="rounded-card border border-line bg-card p-5">
              <h2 className="text-large" id="account">
                {t("account")}
              </h2>
              <dl className="mt-3">
                <Fact name={t("code")}>
                  <span className="font-extrabold text-red tracking-code">{inviteCode}</span>
                </Fact>
                {email && (
                  <Fact name={t("email")}>
                    <MaskedIdentity masked={maskEmail(email)} />
                  </Fact>
                )}
                {!phone && claimedPhone && <Fact name={t("phone")}>{t("claimed")}</Fact>}
                <Fact name={t("referrals")}>
                  {referralCount}
                  {referralCount > 0 && (
                    <span className="text-soft"> · {t("thisMonth", { count: tree.referralsThisMonth })}</span>
                  )}
                </Fact>
                {signals.length > 0 && (
                  <Fact name={t("signals")}>
                    <SignalMark mark={signalMarkOf(signals)} />
                    <SignalReasons signals={signals} />
                  </Fact>
                )}
                <Fact name={t("activated")}>{activatedCode ?? t("none")}</Fact>
                {tree.inviters.length > 0 && (
                  <Fact name={t("chain")}>
                    <InviterChain {...tree} />
                  </Fact>
                )}
                <Fact name={t("created")}>
                  <ConsoleMoment at={createdAt} />
                </Fact>
                {blockedAt && (
                  <Fact name={t("blocked")}>
                    <span className="font-bold text-red">
                      <ConsoleMoment at={blockedAt} />
                    </span>
                  </Fact>
                )}
                <Fact name={t("seen")}>{seenAt ? <ConsoleMoment at={seenAt} /> : t("never")}</Fact>
                {sessions.length > 0 && (
                  <Fact name={t("sessions")}>
                    <ul>
                      {sessions.map((session) => (
                        <li key={session.id}>
                          {deviceName(session.device, device)}
                          {session.network && ` · ${session.network}`}
                        </li>
                      ))}
                    </ul>
                  </Fact>
                )}
                <Fact name={t("id")}>{found.value.id}</Fact>
              </dl>
            </section>
            {!isOwn && <ActsCard acts={actsOn(found.value, signals)} userId={found.value.id} />}
          </div>
          {tree.invitees.length > 0 && (
            <InviteesCard referralCount={referralCount} tree={tree} userId={found.value.id} />
          )}
        </div>
      </>
    );
  });
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid grid-cols-[8rem_minmax(0,1fr)] items-baseline gap-x-4 border-line border-b py-3 last:border-b-0">
      <dt className="text-soft">{name}</dt>
      <dd className="break-words tabular-nums">{children}</dd>
    </div>
  );
}
