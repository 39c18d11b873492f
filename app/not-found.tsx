import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Sheet } from "@/components/sheet";
import { DelayedChanges } from "./account/delayed-changes";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("notFound");
  return { title: t("title") };
}

export default async function NotFound() {
  const t = await getTranslations("notFound");
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{t("title")}</h1>
      <p className="mt-4 mb-8 text-soft">{t("lead")}</p>
      <Link className="button" href="/">
        {t("home")}
      </Link>
    </Sheet>
  );
}
