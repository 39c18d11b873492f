import { getTranslations } from "next-intl/server";
import { Problem } from "@/components/problem";
import { Sheet } from "@/components/sheet";
import { ConsolePath, currentConsoleAccess } from "@/lib/auth/console";
import { currentRequester } from "@/lib/auth/current-requester";
import { consoleCodes } from "@/lib/core/administration/console-access";
import { getCodeStatuses } from "@/lib/core/challenges/code-pairs";
import { LONGEST_CODE_DIGITS } from "@/lib/core/policy";
import { RecipientText } from "../../account/recipient-text";
import { CodeStep } from "../../code-step";
import { DemonstrationNotice } from "../../demonstration-notice";
import NotFound from "../../not-found";
import { answerNotFound } from "../../page-refusals";
import { enterConsoleCodes, sendConsoleCodes } from "../actions";
import { describeConsolePage } from "../console-page";

export async function generateMetadata() {
  const t = await getTranslations("admin");
  return describeConsolePage(t("title"));
}

/** The page that opens the admin console with codes to the administrator's phone and mailbox. */
export default async function EnterPage({ searchParams }: PageProps<"/admin/enter">) {
  const access = await currentConsoleAccess();
  if (!access) {
    answerNotFound();
    return <NotFound />;
  }
  const [t, { next, problem }, codes] = await Promise.all([
    getTranslations("admin.enter"),
    searchParams,
    consoleCodes(access.session),
  ]);
  const { statuses, resendInMs } = await getCodeStatuses(codes, await currentRequester());
  const isSent = Object.values(statuses).every((status) => status && status.state !== "used");
  const to = Object.values(codes).map(({ recipient }) => recipient);
  return (
    <Sheet>
      <h1>{t("title")}</h1>
      <p className="mt-3 mb-8 text-soft">
        {t.rich(to.length === 1 ? "lead" : "leadBoth", {
          phone: () => to[0] && <RecipientText of={to[0]} />,
          email: () => to[1] && <RecipientText of={to[1]} />,
        })}
      </p>
      {problem === "not_sent" && <Problem id="problem">{t("notSent")}</Problem>}
      <CodeStep
        codes={Object.entries(codes).map(([name, { recipient }]) => ({
          name,
          recipient,
          status: isSent ? (statuses[name] ?? null) : null,
        }))}
        enter={{ action: enterConsoleCodes, label: t("submit") }}
        hidden={{ next: ConsolePath.safeParse(next).data ?? "/admin" }}
        send={{ action: sendConsoleCodes, label: t("send", { count: to.length }), waitMs: resendInMs }}
        usualDigits={LONGEST_CODE_DIGITS}
      />
      <DemonstrationNotice />
    </Sheet>
  );
}
