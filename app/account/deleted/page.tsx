import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { Sheet } from "@/components/sheet";
import { currentSession } from "@/lib/auth/nextauth";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("deletion");
  return { title: t("doneTitle"), robots: { index: false } };
}

/** The page after the deletion of an account. */
export default async function DeletedPage() {
  if (await currentSession()) redirect("/account");
  const t = await getTranslations("deletion");
  return (
    <Sheet>
      <h1>{t("doneTitle")}</h1>
      <p className="mt-3 mb-8 text-soft">{t("doneLead")}</p>
      <Link className="button" href="/">
        {t("home")}
      </Link>
    </Sheet>
  );
}
