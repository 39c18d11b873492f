import type { Route } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { ActPage } from "@/app/admin/act-page";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import { LimitNote } from "@/app/admin/limit-note";
import { RECIPIENT_HASH_PATTERN, readRecipient } from "@/lib/core/administration/recipients";
import { liftLimitsOfThis } from "./actions";

export async function generateMetadata() {
  const t = await getTranslations("admin.acts.lift-limits");
  return describeConsolePage(t("title"));
}

/** The page of the one act on a phone or mailbox without an account: what will happen, and the form that does it. */
export default async function LiftLimitsPage({ params }: PageProps<"/admin/recipients/[hash]/lift-limits">) {
  const { hash } = await params;
  const page = `/admin/recipients/${RECIPIENT_HASH_PATTERN.test(hash) ? hash : "unknown"}` as const;
  const path = `${page}/lift-limits` as const;
  return renderConsolePage({ section: "people", path }, async (open) => {
    const read = await readRecipient(open.administrator, hash);
    if (!read.ok) {
      const { failure } = read;
      return failure.name === "budget_spent" ? <LimitNote of="looks" retryAfterMs={failure.retryAfterMs} /> : null;
    }
    const found = read.value;
    if (found.userId !== null) redirect(`/admin/people/${found.userId}/lift-limits`);
    if (!found.recipient) return null;
    const [t, words] = await Promise.all([
      getTranslations("admin.acts.lift-limits"),
      getTranslations("admin.recipient"),
    ]);
    return (
      <ActPage
        action={liftLimitsOfThis}
        back={{ href: page as Route, label: words("back") }}
        fields={[]}
        hidden={{ hash }}
        open={open}
        path={path}
        submit={t("submit")}
        takesAway={false}
        title={t("title")}
      >
        <p className="text-ink">
          {found.kind === "phone" ? words("phone", { digits: found.lastDigits }) : words("mailbox")}
        </p>
        <p>{words("lift")}</p>
      </ActPage>
    );
  });
}
