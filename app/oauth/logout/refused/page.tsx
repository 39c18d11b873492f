import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Sheet } from "@/components/sheet";
import { currentSession } from "@/lib/auth/nextauth";
import { LOGOUT_PROBLEMS } from "@/lib/core/oauth/logout-request";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("logout");
  return { title: t("refusedTitle"), robots: { index: false } };
}

/** Says why a request for a logout is refused, and whether the person is logged in. */
export default async function RefusedLogoutPage({ searchParams }: PageProps<"/oauth/logout/refused">) {
  const [t, session, { reason }] = await Promise.all([getTranslations("logout"), currentSession(), searchParams]);
  const problem = LOGOUT_PROBLEMS.find((one) => one === reason);
  return (
    <Sheet>
      <h1>{t("refusedTitle")}</h1>
      <p className="mt-3 text-soft">{t(session ? "refusedLead" : "refusedLeadLoggedOut")}</p>
      {problem && (
        <p className="mt-6 text-small">
          {t("forDeveloper")} {t(`problems.${problem}`)} (<code>{problem}</code>)
        </p>
      )}
      {session && (
        <Link className="button mt-8" href="/oauth/logout/confirm">
          {t("logOut")}
        </Link>
      )}
    </Sheet>
  );
}
