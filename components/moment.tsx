"use client";

import { useIsAlive } from "./alive";

/**
 * `today, 14:20`, `yesterday`, `18 November`, and the year where it is another one; always with the time if `isExact`, and
 * then `tomorrow` as well.
 */
function describe(
  moment: Date,
  now: Date,
  { locale, timeZone, isExact }: { locale: string; timeZone?: string; isExact: boolean },
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

/** A moment in words: in the server's time zone at first, in the reader's as soon as the page has come to life. */
export function Moment({
  at,
  now,
  locale,
  timeZone,
  isExact = false,
}: {
  at: Date;
  now: Date;
  locale: string;
  timeZone: string;
  /** Whether the time of day matters, however long ago it was. */
  isExact?: boolean;
}) {
  const own = () => navigator.languages.find((tag) => tag.startsWith(`${locale}-`)) ?? locale;
  const text = describe(at, now, useIsAlive() ? { locale: own(), isExact } : { locale, timeZone, isExact });
  return <time dateTime={at.toISOString()}>{text}</time>;
}
