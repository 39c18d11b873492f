import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { ApiReferenceLogin } from "@/components/api-reference-login";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("reference.login");
  return { title: t("title") };
}

/** Where a login comes back to that was begun in the API reference, in a window of its own. */
export default async function LoginReturnPage() {
  const t = await getTranslations("reference.login");
  return (
    <>
      <h1>{t("title")}</h1>
      <noscript>
        <p className="mt-5">{t("noScript")}</p>
      </noscript>
      <ApiReferenceLogin lost={t("lost")} />
      <p className="mt-5">
        {/* A plain link, because the reference loads much, which Next.js's router would load in advance. */}
        <a className="link" href="/docs">
          {t("back")}
        </a>
      </p>
    </>
  );
}
