import { useTranslations } from "next-intl";

/** A phone or mailbox with its middle hidden; a screen reader hears words instead of dots. */
export function MaskedIdentity({ masked }: { masked: string }) {
  const t = useTranslations();
  const [start = "", end = ""] = masked.split(/ ?·[· ]*/);
  const [, domain] = end.split("@");
  return (
    <span className={domain ? "break-words" : "whitespace-nowrap"}>
      <span aria-hidden="true">{masked}</span>
      <span className="sr-only select-none">
        {domain ? t("maskedMail", { start: start || "none", domain }) : t("maskedPhone", { start, end })}
      </span>
    </span>
  );
}
