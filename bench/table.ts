import { printTable } from "../scripts/internal/markdown-tables";
import type { Contestant } from "./contestant";
import type { Goal } from "./goals";
import { medianOf, memoryOf, type Result } from "./rounds";

const MB = 2 ** 20;

/** Rounds to whole numbers, and a rate below one to its first digit. */
const RATE = { maximumFractionDigits: 0, maximumSignificantDigits: 1, roundingPriority: "morePrecision" } as const;

/** Formats the measured rows as a Markdown table with the medians of the rounds. */
export function printRows(results: Result[]): string {
  const heads = ["", "server", "a second", "processor, ms", "p50, ms", "p99, ms"];
  const rows = results.map((result) => [
    result.label,
    result.contestant,
    medianOf("perSecond", result).toLocaleString("en", RATE),
    medianOf("cpuMs", result).toFixed(2),
    medianOf("p50Ms", result).toFixed(1),
    medianOf("p99Ms", result).toFixed(1),
  ]);
  return printTable({ heads, rows });
}

/** Formats the memory of each server: after the row that leaves it the most, and its peak until now. */
export function printMemory(results: Result[], contestants: Contestant[]): string {
  const rows = contestants.map(({ name, server }) => {
    const sizes = [memoryOf(name, results), server.usage().peakBytes];
    return [name, ...sizes.map((bytes) => (bytes / MB).toFixed(0))];
  });
  return printTable({ heads: ["server", "memory, MB", "peak, MB"], rows });
}

export function printGoals(goals: Goal[]): string {
  const rows = goals.map(({ text, bound, value, measured = value.toFixed(2), byCpu }) => [
    text,
    bound.most === undefined ? `≥ ${bound.least}` : `≤ ${bound.most}`,
    bound.reach === undefined ? "" : `≥ ${bound.reach}`,
    measured,
    byCpu?.toFixed(2) ?? "",
    judge({ bound, value }),
  ]);
  return printTable({ heads: ["goal", "target", "reach", "measured", "by processor time", ""], rows });
}

function judge({ bound: { least = -Infinity, most = Infinity, reach }, value }: Pick<Goal, "bound" | "value">): string {
  if (!(value >= least && value <= most)) return "**not met**";
  return reach !== undefined && value >= reach ? "reached" : "met";
}
