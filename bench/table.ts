import type { Result } from "./rounds";
import { median } from "./statistics";

/** The results as a table in Markdown: medians of the rounds. */
export function printTable(results: Result[]): string {
  const rows = results.map(({ contestant, label, rounds }) => {
    const medianOf = (name: keyof (typeof rounds)[number]) => median(rounds.map((figures) => figures[name]));
    return [
      label,
      contestant,
      medianOf("perSecond").toLocaleString("en", { maximumFractionDigits: 0 }),
      medianOf("p50Ms").toFixed(1),
      medianOf("p99Ms").toFixed(1),
      (medianOf("memoryBytes") / 2 ** 20).toFixed(0),
    ];
  });
  const heads = ["", "server", "a second", "p50, ms", "p99, ms", "memory, MB"];
  const rule = ["---", "---", "--:", "--:", "--:", "--:"];
  return [heads, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
