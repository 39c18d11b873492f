import { getTranslations } from "next-intl/server";
import { Notice } from "@/components/notice";
import { type DelayedAction, listDelayedChanges } from "@/lib/core/accounts/delayed-changes";
import { CHANGE_DELAY_MS } from "@/lib/core/policy";
import { type Session, willDelayChange } from "@/lib/core/sessions/sessions";

const HOUR_MS = 60 * 60 * 1000;

/**
 * Warns in an unconfirmed session that the change `what` will take effect later, or that this session can't request it because
 * another session has requested it already. Renders nothing in other sessions.
 */
export async function DelayWarning({ session, what }: { session: Session; what: DelayedAction }) {
  if (!(await willDelayChange(session))) return null;
  const [t, changes] = await Promise.all([getTranslations("delayed"), listDelayedChanges(session)]);
  const isTaken = changes.some(({ action, isOwn }) => action === what && !isOwn);
  return (
    <div className="mt-6">
      <Notice>{isTaken ? t("taken") : t("wait", { what, hours: Math.ceil(CHANGE_DELAY_MS / HOUR_MS) })}</Notice>
    </div>
  );
}
