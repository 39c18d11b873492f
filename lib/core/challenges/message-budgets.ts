import {
  SMS_BUDGET_KEPT_PART,
  SMS_BUDGET_PER_DAY,
  SMS_BUDGET_WARNING_PART,
  SMS_COST_PER_DAY,
  SMS_PRICE_BY_COUNTRY,
} from "@/lib/core/policy";
import { readCounts, smsCostLimit, smsLimit } from "@/lib/core/rate-limits";
import type { Queries } from "@/lib/db/database";

/**
 * The percentages of a budget that are published. 80: `SMS_BUDGET_WARNING_PART`. 90: `SMS_BUDGET_KEPT_PART` is left, and only recognised
 * browsers get codes. 100: nothing is left.
 */
export type BudgetPercent = 80 | 90 | 100;

/**
 * A limit of the day's messages or of their cost, as its counter stands. Its day begins with the first message. `used` and `max` are
 * messages, or an amount in the currency of `SMS_PRICE`. `reached` has the parts that are used up.
 */
export interface MessageBudget {
  what: "messages" | "cost";
  used: number;
  max: number;
  resetsAt: Date | null;
  reached: BudgetPercent[];
}

const CENT = 100;

/** Returns the budgets that the settings limit. */
export async function readMessageBudgets(db: Queries, now: Date): Promise<MessageBudget[]> {
  const prices = [...SMS_PRICE_BY_COUNTRY.values()].filter((price) => price > 0);
  const limits = [
    { what: "messages" as const, limit: smsLimit(0), max: SMS_BUDGET_PER_DAY, unit: 1, cheapest: 1 },
    { what: "cost" as const, limit: smsCostLimit(0), max: SMS_COST_PER_DAY, unit: CENT, cheapest: Math.min(...prices) },
  ].flatMap(({ max, ...rest }) => (max === null ? [] : [{ ...rest, max }]));
  const counts = await readCounts(
    db,
    limits.map(({ limit }) => ({ limit, subject: "all" })),
    now,
  );
  return limits.map(({ what, max, unit, cheapest }, at) => {
    const { count = 0, resetsAt = null } = counts[at] ?? {};
    const reached = resetsAt === null ? [] : partsReached(count, max, cheapest);
    return { what, used: count / unit, max: max / unit, resetsAt, reached };
  });
}

/** Returns the parts that are used up. 90 and 100 percent are used up when the cheapest message no longer fits, as `chargeSend` counts. */
function partsReached(count: number, max: number, cheapest: number): BudgetPercent[] {
  const isFull = (part: number) => count + cheapest > Math.floor(max * part);
  const reached: [BudgetPercent, boolean][] = [
    [80, count >= max * SMS_BUDGET_WARNING_PART],
    [90, isFull(1 - SMS_BUDGET_KEPT_PART)],
    [100, isFull(1)],
  ];
  return reached.filter(([, isReached]) => isReached).map(([percent]) => percent);
}
