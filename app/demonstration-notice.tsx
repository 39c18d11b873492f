import { getTranslations } from "next-intl/server";
import { Notice } from "@/components/notice";
import type { OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { demonstrationState } from "@/lib/core/demonstration";
import { env } from "@/lib/env";
import { isDatabaseAway } from "@/lib/ops/outage";

/**
 * Says where a demonstration shows its codes, or why it shows them no more. `code` is the live one, which this browser was given
 * when it could see codes. While the database is away it says nothing, for the sake of pages that need no database.
 */
export async function DemonstrationNotice({ code = null }: { code?: OneTimeCode | null }) {
  if (!env.REVEAL_CODES) return null;
  const [t, state] = await Promise.all([getTranslations("demonstration"), readState()]);
  if (state === null) return null;
  return (
    <div className="mt-6">
      <Notice>{state === "open" && code ? t("code", { code }) : t(state)}</Notice>
    </div>
  );
}

async function readState() {
  try {
    return await demonstrationState();
  } catch (error) {
    if (isDatabaseAway(error)) return null;
    throw error;
  }
}
