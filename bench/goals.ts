import type { Figures, Result } from "./rounds";
import { median } from "./statistics";

/** A goal, and how far this run came. */
export interface Goal {
  text: string;
  measured: string;
  isMet: boolean;
}

/** The median over the rounds of one row's figure as a ratio to another's in the same round, or null without either. */
export function ratioOf(
  results: Result[],
  figure: keyof Figures,
  [contestant, label]: readonly [string, string],
  [otherContestant, otherLabel]: readonly [string, string],
): number | null {
  const find = (name: string, row: string) =>
    results.find((result) => result.contestant === name && result.label === row);
  const others = find(otherContestant, otherLabel)?.rounds;
  const ratios = find(contestant, label)?.rounds.map(
    (figures, round) => figures[figure] / (others?.[round]?.[figure] ?? Number.NaN),
  );
  return ratios && others ? median(ratios) : null;
}

export function atLeast(text: string, ratio: number | null, least: number): Goal[] {
  return ratio === null
    ? []
    : [{ text: `${text}: ${least} or more`, measured: ratio.toFixed(2), isMet: ratio >= least }];
}

export function atMost(text: string, ratio: number | null, most: number): Goal[] {
  return ratio === null ? [] : [{ text: `${text}: ${most} or less`, measured: ratio.toFixed(2), isMet: ratio <= most }];
}

export function printGoals(goals: Goal[]): string {
  const rows = goals.map(({ text, measured, isMet }) => `| ${text} | ${measured} | ${isMet ? "met" : "**not met**"} |`);
  return ["| goal | measured | |", "|---|--:|---|", ...rows].join("\n");
}
