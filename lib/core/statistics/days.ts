import { env } from "@/lib/env";

/** A day in a time zone, as YYYY-MM-DD. */
export type Day = string;

const HOUR_MS = 60 * 60 * 1000;
const MINUTE_MS = 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  // Swedish dates are written as YYYY-MM-DD.
  const made = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" });
  formats.set(timeZone, made);
  return made;
}

/** Returns the day of a moment. */
export function dayOf(at: Date, timeZone = env.TIME_ZONE): Day {
  return formatOf(timeZone).format(at);
}

/** Returns the day `days` days after `day`; before it if `days` is negative. */
export function addDays(day: Day, days: number): Day {
  return new Date(Date.parse(`${day}T00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Returns the days from `first` to `last`, both included. */
export function daysBetween(first: Day, last: Day): Day[] {
  const days = [];
  for (let day = first; day <= last; day = addDays(day, 1)) days.push(day);
  return days;
}

/**
 * Returns the first moment of a day. It is not always 0:00: where the clock goes from 0:00 to 1:00 the day begins at 1:00. No
 * time zone is further than 15 hours from UTC, and all begin their days with a whole minute.
 */
export function startOfDay(day: Day, timeZone = env.TIME_ZONE): Date {
  const midnightMs = Date.parse(`${day}T00:00Z`);
  let [beforeMs, atMs] = [midnightMs - 15 * HOUR_MS, midnightMs + 15 * HOUR_MS];
  while (atMs - beforeMs > MINUTE_MS) {
    const middleMs = beforeMs + Math.floor((atMs - beforeMs) / 2 / MINUTE_MS) * MINUTE_MS;
    if (dayOf(new Date(middleMs), timeZone) < day) beforeMs = middleMs;
    else atMs = middleMs;
  }
  return new Date(atMs);
}

/**
 * Returns the moment at which clocks show this time of a day, such as `2026-11-29T14:02`. Of a time that clocks show twice, it is the
 * first; one that they skip is as much later as they skip.
 */
export function momentOf(wallTime: string, timeZone = env.TIME_ZONE): Date {
  const asUtcMs = Date.parse(`${wallTime}Z`);
  // The clocks change at most once within a day before and after.
  const [before, after] = [asUtcMs - DAY_MS, asUtcMs + DAY_MS].map((ms) => asUtcMs - offsetMs(ms, timeZone)) as [
    number,
    number,
  ];
  const isShown = (ms: number) => ms + offsetMs(ms, timeZone) === asUtcMs;
  const shown = [before, after].filter(isShown);
  return new Date(shown.length > 0 ? Math.min(...shown) : before);
}

/** Returns how many milliseconds, in whole minutes, clocks are ahead of UTC at a moment. */
function offsetMs(ms: number, timeZone: string): number {
  // Swedish times are written as YYYY-MM-DD HH:MM.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  const minute = Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  return Date.parse(`${format.format(minute).replace(" ", "T")}Z`) - minute;
}

/** An hour of a day, from `start` to before `end`. */
export interface Hour {
  day: Day;
  start: Date;
  end: Date;
}

/**
 * Returns the hours of a day: 24, or 23 or 25 where the clock changes. They begin with the day. Where the clock changes by half
 * an hour, the last one is half an hour long.
 */
export function hoursOf(day: Day, timeZone = env.TIME_ZONE): Hour[] {
  const endMs = startOfDay(addDays(day, 1), timeZone).getTime();
  const hours: Hour[] = [];
  for (let ms = startOfDay(day, timeZone).getTime(); ms < endMs; ms += HOUR_MS) {
    hours.push({ day, start: new Date(ms), end: new Date(Math.min(ms + HOUR_MS, endMs)) });
  }
  return hours;
}

/** Returns the hours that have begun before `until` and end after `since`, the oldest first. */
export function hoursBetween(since: Date, until: Date, timeZone = env.TIME_ZONE): Hour[] {
  return daysBetween(dayOf(since, timeZone), dayOf(until, timeZone))
    .flatMap((day) => hoursOf(day, timeZone))
    .filter(({ start, end }) => start <= until && end > since);
}
