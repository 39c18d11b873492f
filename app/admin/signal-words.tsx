import { getTranslations } from "next-intl/server";
import type { Signal } from "@/lib/core/administration/signal-list";
import type { SignalState } from "@/lib/core/invites/signals";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Returns the time between two moments, rounded up, in the largest unit of which it has at least two. */
function spanOf(from: Date, to: Date): { unit: "seconds" | "minutes" | "hours" | "days"; count: number } {
  const ms = Math.max(to.getTime() - from.getTime(), SECOND_MS);
  if (ms < 2 * MINUTE_MS) return { unit: "seconds", count: Math.ceil(ms / SECOND_MS) };
  if (ms < 2 * HOUR_MS) return { unit: "minutes", count: Math.ceil(ms / MINUTE_MS) };
  return ms < 2 * DAY_MS
    ? { unit: "hours", count: Math.ceil(ms / HOUR_MS) }
    : { unit: "days", count: Math.ceil(ms / DAY_MS) };
}

/** The reason of each signal in words. */
export async function SignalReasons({ signals }: { signals: readonly Signal[] }) {
  const t = await getTranslations("admin.signals");
  return (
    <ul className="space-y-1">
      {signals.map(({ kind, count, invitees, firstAt, lastAt }) => {
        const { unit, count: length } = spanOf(firstAt, lastAt);
        const within = t(`within.${unit}`, { count: length });
        return <li key={kind}>{t(`kinds.${kind}`, { count, all: invitees, within })}</li>;
      })}
    </ul>
  );
}

/** The mark of an account that has signals: red if they are open or the account is held. Nothing for those that are fine. */
export async function SignalMark({ mark }: { mark: SignalState | null }) {
  const t = await getTranslations("admin.signals");
  return mark === "open" || mark === "held" ? <strong className="text-red">{t(`marks.${mark}`)}</strong> : null;
}
