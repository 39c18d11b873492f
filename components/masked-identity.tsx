import { useTranslations } from "next-intl";

/** A masked phone or mailbox, such as `+7 945 ··· ·· 45`. Screen readers get a sentence instead of the dots. */
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
