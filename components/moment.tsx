import { useLocale, useTimeZone } from "next-intl";
import { LocalMoment } from "./local-moment";

/** A moment in words, in the page's language. With `isExact` the time of day is shown for any date, otherwise for today only. */
export function Moment({ at, isExact = false }: { at: Date; isExact?: boolean }) {
  return <LocalMoment at={at} isExact={isExact} locale={useLocale()} now={new Date()} timeZone={useTimeZone()} />;
}
