import { getFormatter, getTranslations } from "next-intl/server";
import { CONSOLE_LOOKS_PER_HOUR, CONSOLE_SEARCHES_PER_HOUR } from "@/lib/core/policy";
import { env } from "@/lib/env";
import { answerTooManyRequests } from "../page-refusals";

const MAX = { searches: CONSOLE_SEARCHES_PER_HOUR, looks: CONSOLE_LOOKS_PER_HOUR };

/**
 * Returns a sentence for an administrator who has searched or looked at people too often: the limit, and from when on more is
 * allowed.
 */
export async function describeLimit(of: keyof typeof MAX, retryAfterMs: number): Promise<string> {
  const [t, format] = await Promise.all([getTranslations("admin.limits"), getFormatter()]);
  const again = new Date(Date.now() + retryAfterMs);
  const time = format.dateTime(again, { timeZone: env.TIME_ZONE, hour: "numeric", minute: "2-digit" });
  return t(of, { max: MAX[of], time });
}

/** The sentence of `describeLimit`, in place of what an administrator wanted to see. The page answers 429. */
export async function LimitNote({ of, retryAfterMs }: { of: keyof typeof MAX; retryAfterMs: number }) {
  answerTooManyRequests(retryAfterMs);
  const t = await getTranslations("admin.limits");
  return (
    <>
      <h1>{t("title")}</h1>
      <p className="mt-4 rounded-r-card border-red border-l-4 bg-card px-5 py-4" role="status">
        {await describeLimit(of, retryAfterMs)}
      </p>
    </>
  );
}
