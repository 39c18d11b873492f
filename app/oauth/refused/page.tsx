import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { answerBadRequest } from "@/app/page-refusals";
import { Sheet } from "@/components/sheet";
import { RefusalReason } from "@/lib/auth/authorization-pages";

type PageOptions = PageProps<"/oauth/refused">;

/** The reasons that a person mends by beginning again. The others are for the developer of the application. */
const PASSING_REASONS: readonly RefusalReason[] = ["expired", "outdated"];

const readReason = async ({ searchParams }: PageOptions): Promise<RefusalReason> =>
  RefusalReason.safeParse((await searchParams).reason).data ?? "expired";

export async function generateMetadata(options: PageOptions): Promise<Metadata> {
  const [t, reason] = await Promise.all([getTranslations("authorization"), readReason(options)]);
  return { title: t(PASSING_REASONS.includes(reason) ? "overTitle" : "refusedTitle"), robots: { index: false } };
}

/** Says why a request for authorization ends here, without a way back to the application: its address can't be trusted or isn't known. */
export default async function RefusedPage(options: PageOptions) {
  const [t, reason] = await Promise.all([getTranslations("authorization"), readReason(options)]);
  const isPassing = PASSING_REASONS.includes(reason);
  answerBadRequest();
  return (
    <Sheet>
      <h1>{t(isPassing ? "overTitle" : "refusedTitle")}</h1>
      <p className="mt-4 text-soft">{t(isPassing ? "overLead" : "refusedLead")}</p>
      {!isPassing && (
        <p className="mt-6 text-small">
          {t("forDeveloper")} {t(`reasons.${reason as "client_unknown"}`)} (<code>{reason}</code>)
        </p>
      )}
    </Sheet>
  );
}
