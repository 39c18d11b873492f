import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { Refresh } from "@/components/refresh";
import { Sheet } from "@/components/sheet";
import { confirmLogoutPage, queryOf, refusedLogoutPage } from "@/lib/auth/logout-pages";
import { currentSession } from "@/lib/auth/nextauth";
import { composeLogoutAnswer, readLogoutRequest } from "@/lib/core/oauth/logout-request";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("logout");
  return { title: t("doneTitle"), robots: { index: false } };
}

/**
 * Says that the person is logged out, and takes them back to the application, by itself or by the link. It stands between our form and
 * the application, because browsers apply `form-action` of the content security policy to the redirects after a form (Chromium, Safari). Any site can link
 * here, so a person who is logged in is asked first.
 */
export default async function LoggedOutPage({ searchParams }: PageProps<"/oauth/logout/done">) {
  const [t, session, read] = await Promise.all([
    getTranslations("logout"),
    currentSession(),
    readLogoutRequest(queryOf(await searchParams)),
  ]);
  if (!read.ok) redirect(refusedLogoutPage(read.failure.name));
  if (session) redirect(confirmLogoutPage(read.value));
  const { client } = read.value;
  const address = composeLogoutAnswer(read.value);
  return (
    <Sheet>
      {address && <Refresh to={address} />}
      <h1>{t("doneTitle")}</h1>
      <p className="mt-3 mb-8 break-words text-soft">
        {client && address ? t("returnLead", { application: client.name }) : t("doneLead")}
      </p>
      {address ? (
        <a className="button" href={address} rel="noreferrer">
          {t("returnLink")}
        </a>
      ) : (
        <Link className="button" href="/login">
          {t("logIn")}
        </Link>
      )}
    </Sheet>
  );
}
