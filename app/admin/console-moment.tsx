import { Moment } from "@/components/moment";
import { env } from "@/lib/env";

/** A moment on a page of the console, in the operator's `TIME_ZONE`, as the filters of lists are. */
export function ConsoleMoment({ at }: { at: Date }) {
  return <Moment at={at} isExact zone={env.TIME_ZONE} />;
}
