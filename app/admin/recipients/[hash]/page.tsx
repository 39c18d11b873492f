import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getOutlook } from "@/lib/core/administration/outlook";
import { RECIPIENT_HASH_PATTERN, readRecipient } from "@/lib/core/administration/recipients";
import { listTimelineOfRecipient, TimelineCursor } from "@/lib/core/administration/timeline";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { OutlookNote } from "../../outlook-note";
import { TimelineList } from "../../timeline-list";

export async function generateMetadata() {
  const t = await getTranslations("admin.recipient");
  return describeConsolePage(t("title"));
}

/** A phone or mailbox without an account, by its keyed hash: whether a code would arrive, and what happened. */
export default async function RecipientPage({ params, searchParams }: PageProps<"/admin/recipients/[hash]">) {
  const { hash } = await params;
  const path = `/admin/recipients/${RECIPIENT_HASH_PATTERN.test(hash) ? hash : "unknown"}` as const;
  return renderConsolePage({ section: "people", path }, async ({ administrator }) => {
    const found = await readRecipient(administrator, hash);
    if (!found) return null;
    const { userId, kind, lastDigits, country, recipient } = found;
    if (userId !== null) redirect(`/admin/people/${userId}`);
    const from = TimelineCursor.safeParse((await searchParams).from).data ?? null;
    const [t, timeline, outlook] = await Promise.all([
      getTranslations("admin.recipient"),
      listTimelineOfRecipient(administrator, hash, { from }),
      recipient && getOutlook(recipient, { isBlocked: false }),
    ]);
    return (
      <>
        <h1 className="tabular-nums">{kind === "phone" ? t("phone", { digits: lastDigits }) : t("mailbox")}</h1>
        <p className="mt-1 text-small text-soft">{t("lead", { country: country ?? "none" })}</p>
        <OutlookNote outlook={outlook} />
        <div className="mt-5 max-w-[760px]">
          <TimelineList {...timeline} isFirst={from === null} path={path} />
        </div>
      </>
    );
  });
}
