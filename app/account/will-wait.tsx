import { getTranslations } from "next-intl/server";
import { Notice } from "@/components/notice";
import { type DelayedAction, listDelayedChanges } from "@/lib/core/accounts/delayed-changes";
import { CHANGE_DELAY_MS } from "@/lib/core/policy";
import { type Session, willHaveToWait } from "@/lib/core/sessions/sessions";

const HOUR_MS = 60 * 60 * 1000;

/** Says beforehand that what is asked for here takes effect later, and why; or that it can't be asked for, since another session has. */
export async function WillWait({ session, what }: { session: Session; what: DelayedAction }) {
  if (!(await willHaveToWait(session))) return null;
  const [t, changes] = await Promise.all([getTranslations("delayed"), listDelayedChanges(session)]);
  const isTaken = changes.some(({ action, isOwn }) => action === what && !isOwn);
  return (
    <div className="mt-6">
      <Notice>{isTaken ? t("taken") : t("wait", { what, hours: Math.ceil(CHANGE_DELAY_MS / HOUR_MS) })}</Notice>
    </div>
  );
}
