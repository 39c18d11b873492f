import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { Refresh } from "@/components/refresh";
import { Sheet } from "@/components/sheet";
import { refusalPage } from "@/lib/auth/authorization-pages";
import { type AuthorizationAnswer, readAuthorizationAnswer } from "@/lib/auth/pending-authorization";

type PageOptions = PageProps<"/oauth/return/[id]">;

async function requireAnswer({ params }: PageOptions): Promise<AuthorizationAnswer> {
  return (await readAuthorizationAnswer((await params).id)) ?? redirect(refusalPage("expired"));
}

export async function generateMetadata(options: PageOptions): Promise<Metadata> {
  const [t, { clientName }] = await Promise.all([getTranslations("authorization"), requireAnswer(options)]);
  return { title: t("returnTitle", { application: clientName }), robots: { index: false } };
}

/**
 * Takes the person back to the application, by itself or by the link. It stands between our forms and the application, because
 * browsers apply `form-action` of the content security policy to the redirects after a form (Chromium, Safari).
 */
export default async function ReturnPage(options: PageOptions) {
  const [t, { clientName, address }] = await Promise.all([getTranslations("authorization"), requireAnswer(options)]);
  return (
    <Sheet>
      <Refresh to={address} />
      <h1 className="break-words">{t("returnTitle", { application: clientName })}</h1>
      <p className="mt-3 mb-8 text-soft">{t("returnLead")}</p>
      <a className="button" href={address} rel="noreferrer">
        {t("returnLink")}
      </a>
    </Sheet>
  );
}
