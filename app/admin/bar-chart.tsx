import type { ReactNode } from "react";
import { type Column, ConsoleTable } from "./console-table";

/** A step of a chart: what it is called, and how high its bar is. */
export interface Bar {
  id: number | string;
  name: ReactNode;
  count: number;
}

/** A chart of bars, drawn by the server, the last one in red; its table is behind a summary. */
export function BarChart({
  title,
  bars,
  words,
}: {
  title: string;
  /** The oldest first. */
  bars: readonly Bar[];
  words: { table: string; step: string; count: string };
}) {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const columns: Column<Bar>[] = [
    { name: "step", label: words.step, cellOf: ({ name }) => name },
    { name: "count", label: words.count, isNumber: true, cellOf: ({ count }) => count },
  ];
  return (
    <section aria-label={title} className="mb-6 rounded-card border border-line bg-card p-5">
      <h2 className="text-large">{title}</h2>
      <svg
        aria-hidden="true"
        className="mt-3 block h-24 w-full"
        preserveAspectRatio="none"
        viewBox={`0 0 ${bars.length * 10} 100`}
      >
        {bars.map(({ id, count }, at) => {
          const height = (count / most) * 98;
          const isLast = at === bars.length - 1;
          return (
            <rect
              className={isLast ? "fill-red" : "fill-soft"}
              height={height}
              key={id}
              opacity={isLast ? 1 : 0.55}
              width={8}
              x={at * 10 + 1}
              y={99 - height}
            />
          );
        })}
        <rect className="fill-line" height={1} width={bars.length * 10} x={0} y={99} />
      </svg>
      <details className="mt-2">
        <summary className="min-h-11 cursor-pointer py-2 text-small">{words.table}</summary>
        <ConsoleTable columns={columns} label={title} rows={bars.toReversed()} />
      </details>
    </section>
  );
}
