import { getTranslations } from "next-intl/server";
import { sendTrial } from "@/app/admin/actions";
import { Notice } from "@/components/notice";
import { SubmitButton } from "@/components/submit-button";
import type { Administrator } from "@/lib/core/administration/actor";
import { findLastTrial } from "@/lib/core/administration/sender-trials";
import type { Period } from "@/lib/core/administration/today";
import { SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR } from "@/lib/core/policy";

/** The button that tries a sender with a message to the administrator's own phone. */
export async function TrialButton({ sender, period }: { sender: string; period: Period }) {
  const t = await getTranslations("admin.today.trial");
  return (
    <form action={sendTrial} className="mt-2 max-w-xs text-small">
      <input name="sender" type="hidden" value={sender} />
      <input name="period" type="hidden" value={period} />
      <SubmitButton pending={t("pending")} quiet>
        {t("button", { sender })}
      </SubmitButton>
    </form>
  );
}

/** What became of the last trial of a sender, or why there was none, after the button was pressed; otherwise nothing. */
export async function TrialNote({
  administrator,
  tried,
  problem,
}: {
  administrator: Administrator;
  /** The tried sender, and why it was not tried, as the address names them. */
  tried: string | null;
  problem: string | null;
}) {
  const t = await getTranslations("admin.today.trial");
  const trial = tried === null ? null : await findLastTrial(administrator, tried);
  const isKnown = problem !== null && t.has(`problems.${problem}` as never);
  if (!trial && !isKnown) return null;
  const isBad = trial === null || !["accepted", "delivered"].includes(trial.state);
  return (
    <div className="mt-4" data-trial role="status">
      <Notice>
        <span className={isBad ? "font-semibold text-red" : ""}>
          {trial
            ? t(`states.${trial.state as "accepted"}`, { sender: tried ?? "", reason: trial.reason ?? "" })
            : t(`problems.${problem as "trials_spent"}`, { max: SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR })}
        </span>
      </Notice>
    </div>
  );
}
