import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { ApiReference } from "@/components/api-reference";
import { DelayedChanges } from "../account/delayed-changes";

const OPENAPI_URL = "/api/openapi.json";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("reference");
  return { title: t("title") };
}

export default async function ReferencePage() {
  const t = await getTranslations("reference");
  return (
    <>
      <DelayedChanges />
      <h1>{t("title")}</h1>
      <p className="mt-5 max-w-[680px] text-large text-soft">{t("lead")}</p>
      <p className="mt-3 max-w-[680px] text-soft">{t("real")}</p>
      <p className="mt-2 mb-8">
        {/* A plain link, because Next.js's router can't show a file. */}
        <a className="link" href={OPENAPI_URL}>
          {t("document")}
        </a>
      </p>
      <noscript>
        <p>{t("noScript")}</p>
      </noscript>
      <ApiReference
        failed={t("failed")}
        loading={t("loading")}
        loginReturnPage="/docs/login-return"
        url={OPENAPI_URL}
      />
    </>
  );
}
