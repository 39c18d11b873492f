import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { answerNotFound } from "@/app/page-refusals";
import { Problem } from "@/components/problem";
import { currentRequester } from "@/lib/auth/current-requester";
import { requireSession } from "@/lib/auth/required-session";
import { applyNowCodes } from "@/lib/core/accounts/apply-now";
import { DelayedAction, listDelayedChanges } from "@/lib/core/accounts/delayed-changes";
import { getCodeStatuses } from "@/lib/core/challenges/code-pairs";
import { CodeStep } from "../../../code-step";
import NotFound, { generateMetadata as describeNotFound } from "../../../not-found";
import { CodePage } from "../../code-page";
import { ChangeNotice } from "../../delayed-changes";
import { RecipientText } from "../../recipient-text";
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

/** The page that applies a delayed change without the wait. It needs a new code from each of the account's factors. */
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
  const { statuses, resendInMs } = await getCodeStatuses(codes, await currentRequester());
  const { phone, email } = statuses;
  const isSent = phone && email && phone.state !== "used" && email.state !== "used";
  return (
    <CodePage back={t("back")}>
      <h1>{t("applyNowTitle", { what: action })}</h1>
      <div className="mt-6">
        <ChangeNotice change={change} />
      </div>
      <p className="mt-6 mb-8 text-soft">
        {t.rich("applyNowLead", {
          phone: () => <RecipientText of={codes.phone.recipient} />,
          email: () => <RecipientText of={codes.email.recipient} />,
        })}
      </p>
      {problem === "not_sent" && <Problem id="problem">{words("code_not_sent")}</Problem>}
      <CodeStep
        codes={(["phone", "email"] as const).map((name) => ({
          name,
          recipient: codes[name].recipient,
          status: isSent ? statuses[name] : null,
        }))}
        enter={{ action: enterApplyNowCodes, label: t("submit", { what: action }) }}
        hidden={{ action, dueAt: change.dueAt.toISOString() }}
        send={{ action: sendApplyNowCodes, label: t("send"), waitMs: resendInMs }}
      />
    </CodePage>
  );
}
