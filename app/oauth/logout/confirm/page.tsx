import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { MaskedIdentity } from "@/components/masked-identity";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { loggedOutPage, queryOf, refusedLogoutPage } from "@/lib/auth/logout-pages";
import { currentSession } from "@/lib/auth/nextauth";
import { getProfile } from "@/lib/core/accounts/accounts";
import { maskIdentity } from "@/lib/core/identity/masking";
import { readLogoutRequest, wayBackOf } from "@/lib/core/oauth/logout-request";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("logout");
  return { title: t("confirmTitle"), robots: { index: false } };
}

/** Asks the person whether to log out, because the link that led here does not prove that it comes from an application of theirs. */
export default async function ConfirmLogoutPage({ searchParams }: PageProps<"/oauth/logout/confirm">) {
  const [t, session, read] = await Promise.all([
    getTranslations("logout"),
    currentSession(),
    readLogoutRequest(queryOf(await searchParams)),
  ]);
  if (!read.ok) redirect(refusedLogoutPage(read.failure.name));
  const account = session && (await getProfile(session.userId));
  if (!account) redirect(loggedOutPage(read.value));
  const { client, postLogoutUri } = read.value;
  return (
    <Sheet>
      <h1>{t("confirmTitle")}</h1>
      <p className="mt-3 break-words text-soft">
        {t.rich("confirmLead", { identity: () => <MaskedIdentity masked={maskIdentity(account)} /> })}
      </p>
      {client && postLogoutUri && (
        <p className="mt-3 break-words text-soft">{t("goesBack", { application: client.name })}</p>
      )}
      <form action="/oauth/logout/end" className="mt-8" method="post">
        {Object.entries(wayBackOf(read.value)).map(([name, value]) => (
          <input key={name} name={name} type="hidden" value={value} />
        ))}
        <SubmitButton pending={t("loggingOut")}>{t("logOut")}</SubmitButton>
      </form>
      <p className="mt-5">
        <Link className="link" href="/profile">
          {t("stay")}
        </Link>
      </p>
    </Sheet>
  );
}
