import type { Money } from "@/lib/core/administration/today";
import type { Day } from "@/lib/core/statistics/days";
import { env } from "@/lib/env";
import type { Locale } from "@/lib/i18n";

/** How the page "Today" writes numbers and times: in the page's language, and in the zone of its sums. */
export type Formats = ReturnType<typeof formatsOf>;

/** Makes the formats once for a page, because making one takes longer than using it. */
export function formatsOf(locale: Locale) {
  const zone = { timeZone: env.TIME_ZONE };
  const ofTime = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", ...zone });
  const ofBoth = new Intl.DateTimeFormat(locale, {
    ...{ day: "numeric", month: "long", hour: "numeric", minute: "2-digit" },
    ...zone,
  });
  const ofDay = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
  const ofCount = new Intl.NumberFormat(locale);
  const ofShare = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const ofAmount = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const inCurrency = (currency: string) =>
    new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 2 });
  return {
    time: (at: Date) => ofTime.format(at),
    dayAndTime: (at: Date) => ofBoth.format(at),
    day: (day: Day) => ofDay.format(new Date(`${day}T00:00Z`)),
    count: (count: number) => ofCount.format(count),
    /** A part from 0 to 1, in percent; a dash if there is none. */
    share: (part: number | null) => (part === null ? "—" : ofShare.format(part)),
    money: ({ currency, amount }: Money) => (currency ? inCurrency(currency) : ofAmount).format(amount),
  };
}
