import { getTranslations } from "next-intl/server";
import { Notice } from "@/components/notice";
import type { OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { demonstrationState } from "@/lib/core/demonstration";
import { env } from "@/lib/env";
import { nullIfDatabaseAway } from "./database-away";

/**
 * Says where a demonstration shows its codes, or why it doesn't show them any more. `code` is this browser's code, or null if the
 * browser may not see it. Renders nothing while the database is away, because pages that need no database show this notice as well.
 */
export async function DemonstrationNotice({ code = null }: { code?: OneTimeCode | null }) {
  if (!env.REVEAL_CODES) return null;
  const [t, state] = await Promise.all([
    getTranslations("demonstration"),
    demonstrationState().catch(nullIfDatabaseAway),
  ]);
  if (state === null) return null;
  return (
    <div className="mt-6">
      <Notice>{state === "open" && code ? t("code", { code }) : t(state)}</Notice>
    </div>
  );
}
