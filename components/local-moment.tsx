"use client";

import { useIsHydrated } from "./hydrated";

/**
 * Formats a moment as `today, 14:20`, `yesterday` or `18 November`, with the year if it is not the present one. With `isExact`
 * the time of day is always included, and `tomorrow` is used as well.
 */
function formatMoment(
  moment: Date,
  now: Date,
  { locale, timeZone, isExact }: { locale: string; timeZone?: string | undefined; isExact: boolean },
): string {
  const zone = timeZone ? { timeZone } : {};
  const day = (date: Date) => Date.parse(new Intl.DateTimeFormat("en-CA", zone).format(date)) / 86_400_000;
  const daysAgo = day(now) - day(moment);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const clock = { hour: "numeric", minute: "2-digit" } as const;
  if (daysAgo === 0 || (Math.abs(daysAgo) === 1 && isExact)) {
    const time = new Intl.DateTimeFormat(locale, { ...zone, ...clock }).format(moment);
    return `${relative.format(-daysAgo, "day")}, ${time}`;
  }
  if (daysAgo === 1) return relative.format(-1, "day");
  const isThisYear = moment.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(locale, {
    ...zone,
    day: "numeric",
    month: "long",
    ...(!isThisYear && { year: "numeric" }),
    ...(isExact && clock),
  }).format(moment);
}

/**
 * A moment in words: in `timeZone` in the HTML, and in the browser's time zone once the page is hydrated. With `isZoneFixed` it stays in
 * `timeZone`.
 */
export function LocalMoment({
  at,
  now,
  locale,
  timeZone,
  isExact,
  isZoneFixed,
}: {
  at: Date;
  now: Date;
  locale: string;
  timeZone: string | undefined;
  isExact: boolean;
  isZoneFixed: boolean;
}) {
  const own = () => navigator.languages.find((tag) => tag.startsWith(`${locale}-`)) ?? locale;
  const isHydrated = useIsHydrated();
  const text = formatMoment(at, now, {
    locale: isHydrated ? own() : locale,
    timeZone: isHydrated && !isZoneFixed ? undefined : timeZone,
    isExact,
  });
  return <time dateTime={at.toISOString()}>{text}</time>;
}
