import { useTranslations } from "next-intl";

/** A phone with its middle hidden; a screen reader hears words instead of dots. */
export function MaskedPhone({ phone }: { phone: string }) {
  const t = useTranslations();
  const [start = "", end = ""] = phone.split(/ ?·[· ]*/);
  return (
    <span className="whitespace-nowrap">
      <span aria-hidden="true">{phone}</span>
      <span className="sr-only select-none">{t("maskedPhone", { start, end })}</span>
    </span>
  );
}
