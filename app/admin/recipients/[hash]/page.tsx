import type { Route } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getOutlook } from "@/lib/core/administration/outlook";
import { RECIPIENT_HASH_PATTERN, readRecipient } from "@/lib/core/administration/recipients";
import { listTimelineOfRecipient, TimelineCursor } from "@/lib/core/administration/timeline";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { LimitNote } from "../../limit-note";
import { OutlookNote } from "../../outlook-note";
import { DoneAct } from "../../people/[id]/acts-card";
import { TimelineList } from "../../timeline-list";

export async function generateMetadata() {
  const t = await getTranslations("admin.recipient");
  return describeConsolePage(t("title"));
}

/** A phone or mailbox without an account, by its keyed hash: whether a code would arrive, what happened, and the one act. */
export default async function RecipientPage({ params, searchParams }: PageProps<"/admin/recipients/[hash]">) {
  const { hash } = await params;
  const path = `/admin/recipients/${RECIPIENT_HASH_PATTERN.test(hash) ? hash : "unknown"}` as const;
  return renderConsolePage({ section: "people", path }, async ({ administrator }) => {
    const found = await readRecipient(administrator, hash);
    if (!found.ok) {
      const { failure } = found;
      return failure.name === "budget_spent" ? <LimitNote of="looks" retryAfterMs={failure.retryAfterMs} /> : null;
    }
    const { userId, kind, lastDigits, country, recipient } = found.value;
    if (userId !== null) redirect(`/admin/people/${userId}`);
    const { from: typedFrom, done } = await searchParams;
    const from = TimelineCursor.safeParse(typedFrom).data ?? null;
    const [t, act, timeline, outlook] = await Promise.all([
      getTranslations("admin.recipient"),
      getTranslations("admin.acts.lift-limits"),
      listTimelineOfRecipient(administrator, hash, { from }),
      recipient && getOutlook(recipient, { isBlocked: false }),
    ]);
    return (
      <>
        <DoneAct done={done} />
        <h1 className="tabular-nums">{kind === "phone" ? t("phone", { digits: lastDigits }) : t("mailbox")}</h1>
        <p className="mt-1 text-small text-soft">{t("lead", { country: country ?? "none" })}</p>
        <OutlookNote outlook={outlook} />
        {recipient && (
          <p className="mt-4 flex">
            <Link
              className="button-quiet w-auto px-4"
              href={`/admin/recipients/${hash}/lift-limits` as Route}
              prefetch={false}
            >
              {act("button")}
            </Link>
          </p>
        )}
        <div className="mt-5 max-w-[760px]">
          <TimelineList {...timeline} isFirst={from === null} path={path} />
        </div>
      </>
    );
  });
}
