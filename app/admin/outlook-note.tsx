import { getFormatter, getTranslations } from "next-intl/server";
import type { Outlook } from "@/lib/core/administration/outlook";
import { env } from "@/lib/env";

/**
 * Whether a person can log in now, in a sentence; then why not, until when, and what to do. `isPhoneClaimed` says that the account has a
 * claimed phone, which a login by mail asks for.
 */
export async function OutlookNote({
  outlook,
  isPhoneClaimed = false,
}: {
  outlook: Outlook | null;
  isPhoneClaimed?: boolean;
}) {
  const [t, format] = await Promise.all([getTranslations("admin.outlook"), getFormatter()]);
  const isToday = (at: Date) => at.getTime() - Date.now() < 12 * 60 * 60 * 1000;
  const timeOf = (at: Date) =>
    format.dateTime(at, {
      timeZone: env.TIME_ZONE,
      hour: "numeric",
      minute: "2-digit",
      ...(!isToday(at) && { day: "numeric", month: "long" }),
    });
  const [first] = outlook?.obstacles ?? [];
  const isBad = first !== undefined && outlook?.codeUntil === null && !outlook.isMailOpen;
  const lead = () => {
    if (!outlook) return t("unknown");
    if (first?.name === "account_blocked") return t("blocked");
    if (outlook.codeUntil) return t("hasCode", { time: timeOf(outlook.codeUntil) });
    if (!first) return outlook.isTest ? t("canTest") : t("can", { kind: outlook.kind });
    if (outlook.isMailOpen) return t("onlyByMail");
    return first.until ? t("notUntil", { time: timeOf(first.until) }) : t("cannot");
  };
  const sentences = outlook
    ? [
        isPhoneClaimed && first?.name !== "account_blocked" && t("claimed"),
        ...outlook.obstacles.map(({ name, until }) =>
          t(`obstacles.${name}`, { time: until ? timeOf(until) : "", kind: outlook.kind }),
        ),
        outlook.undelivered &&
          t("undelivered", {
            sender: outlook.undelivered.sender,
            reason: outlook.undelivered.reason ?? "none",
            kind: outlook.kind,
          }),
        outlook.longerDigits && t("longer", { digits: outlook.longerDigits }),
        outlook.network && outlook.obstacles.some(({ name }) => name.includes("network"))
          ? t("lastNetwork", { network: outlook.network })
          : null,
      ].filter((sentence) => typeof sentence === "string")
    : [];
  return (
    <p
      className={`mt-4 rounded-r-card border-l-4 bg-card px-5 py-4 ${isBad ? "border-red" : "border-line"}`}
      data-outlook
    >
      <strong>{lead()}</strong> {sentences.join(" ")}
    </p>
  );
}
