"use client";

import { useIsAlive } from "./alive";

/** `today, 14:20`, `yesterday`, `18 November`, and the year where it is another one. */
function describe(moment: Date, now: Date, locale: string, timeZone?: string): string {
  const zone = timeZone ? { timeZone } : {};
  const day = (date: Date) => Date.parse(new Intl.DateTimeFormat("en-CA", zone).format(date)) / 86_400_000;
  const daysAgo = day(now) - day(moment);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  if (daysAgo === 0) {
    const time = new Intl.DateTimeFormat(locale, { ...zone, hour: "numeric", minute: "2-digit" }).format(moment);
    return `${relative.format(0, "day")}, ${time}`;
  }
  if (daysAgo === 1) return relative.format(-1, "day");
  const isThisYear = moment.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(locale, {
    ...zone,
    day: "numeric",
    month: "long",
    ...(!isThisYear && { year: "numeric" }),
  }).format(moment);
}

/** A moment in words: in the server's time zone at first, in the reader's as soon as the page has come to life. */
export function Moment({ at, now, locale, timeZone }: { at: Date; now: Date; locale: string; timeZone: string }) {
  const text = useIsAlive()
    ? describe(at, now, navigator.languages.find((tag) => tag.startsWith(`${locale}-`)) ?? locale)
    : describe(at, now, locale, timeZone);
  return <time dateTime={at.toISOString()}>{text}</time>;
}
