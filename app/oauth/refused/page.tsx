import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { answerBadRequest } from "@/app/page-refusals";
import { Sheet } from "@/components/sheet";
import { RefusalReason } from "@/lib/auth/authorization-pages";

type PageOptions = PageProps<"/oauth/refused">;

/** What the page says: that the login is over, that the server has failed, or, for a developer, what is wrong with the request. */
function describe(reason: RefusalReason) {
  switch (reason) {
    case "expired":
    case "outdated":
      return { title: "overTitle", lead: "overLead", fault: null } as const;
    case "unavailable":
      return { title: "refusedTitle", lead: "unavailableLead", fault: null } as const;
    default:
      return { title: "refusedTitle", lead: "refusedLead", fault: reason } as const;
  }
}

const readReason = async ({ searchParams }: PageOptions): Promise<RefusalReason> =>
  RefusalReason.safeParse((await searchParams).reason).data ?? "expired";

export async function generateMetadata(options: PageOptions): Promise<Metadata> {
  const [t, reason] = await Promise.all([getTranslations("authorization"), readReason(options)]);
  return { title: t(describe(reason).title), robots: { index: false } };
}

/** Says why a request for authorization ends here, without a way back to the application: its address can't be trusted or isn't known. */
export default async function RefusedPage(options: PageOptions) {
  const [t, reason] = await Promise.all([getTranslations("authorization"), readReason(options)]);
  const { title, lead, fault } = describe(reason);
  if (reason !== "unavailable") answerBadRequest();
  return (
    <Sheet>
      <h1>{t(title)}</h1>
      <p className="mt-4 text-soft">{t(lead)}</p>
      {fault && (
        <p className="mt-6 text-small">
          {t("forDeveloper")} {t(`reasons.${fault}`)} (<code>{fault}</code>)
        </p>
      )}
    </Sheet>
  );
}
