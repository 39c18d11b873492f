import { useLocale, useTimeZone } from "next-intl";
import { LocalMoment } from "./local-moment";

/**
 * A moment in words, in the page's language. With `isExact` the time of day is shown for any date, otherwise for today only. It is in
 * the browser's time zone, or in `zone`.
 */
export function Moment({ at, isExact = false, zone = null }: { at: Date; isExact?: boolean; zone?: string | null }) {
  const serverZone = useTimeZone();
  return (
    <LocalMoment
      at={at}
      isExact={isExact}
      isZoneFixed={zone !== null}
      locale={useLocale()}
      now={new Date()}
      timeZone={zone ?? serverZone}
    />
  );
}
