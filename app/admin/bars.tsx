const [STEP, HEIGHT] = [10, 100];

/** Returns the height of a bar in the chart, to a tenth. */
function heightOf(value: number, max: number): number {
  return Math.round((10 * HEIGHT * Math.min(value, max)) / Math.max(1, max)) / 10;
}

/** Returns the path of the bar at this place, counted from 0. */
function barAt(at: number, height: number): string {
  return height > 0 ? `M${at * STEP + 1} ${HEIGHT}v${-height}h${STEP - 2}V${HEIGHT}z` : "";
}

/**
 * A chart of bars, drawn on the server. `from` and `to` are the texts below its left and right end, `maxLabel` is the text above
 * it. `part` is the dark lower part of a bar. `marksLast` makes the last bar red.
 */
export function Bars({
  bars,
  max,
  maxLabel,
  label,
  from,
  to,
  marksLast = false,
}: {
  bars: { value: number; part?: number }[];
  max: number;
  maxLabel: string;
  label: string;
  from: string;
  to: string;
  marksLast?: boolean;
}) {
  const values = bars.map(({ value }) => value);
  const last = bars.length - 1;
  // All bars of a colour are one path, because each element of a page takes time to render.
  const pathOf = (heights: readonly number[]) => heights.map((value, at) => barAt(at, heightOf(value, max))).join("");
  const width = STEP * bars.length;
  return (
    <div>
      <p aria-hidden="true" className="text-soft text-tiny tabular-nums">
        {maxLabel}
      </p>
      <svg
        aria-label={label}
        className="block h-32 w-full border-line border-y"
        preserveAspectRatio="none"
        role="img"
        viewBox={`0 0 ${width} ${HEIGHT}`}
      >
        <path className="fill-edge" d={pathOf(marksLast ? values.slice(0, -1) : values)} opacity="0.5" />
        <path className="fill-ink" d={pathOf(bars.map(({ part = 0 }) => part))} opacity="0.7" />
        {marksLast && <path className="fill-red" d={pathOf(values.map((value, at) => (at === last ? value : 0)))} />}
      </svg>
      <p aria-hidden="true" className="mt-1 flex justify-between gap-x-4 text-soft text-tiny">
        <span>{from}</span>
        <span className="text-right">{to}</span>
      </p>
    </div>
  );
}
