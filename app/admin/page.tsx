import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { describeConsolePage, renderConsolePage } from "./console-page";

export async function generateMetadata() {
  const t = await getTranslations("admin");
  return describeConsolePage(t("title"));
}

/** The address of the console itself leads to its first section. */
export default function ConsolePage() {
  return renderConsolePage({ section: "people", path: "/admin" }, async () => redirect("/admin/people"));
}
