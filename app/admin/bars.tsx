const [STEP, HEIGHT] = [10, 100];

/** A chart of bars, drawn on the server. `from` and `to` stand below its ends, `maxLabel` above it. `part` is the dark lower part of a bar. `marksLast` marks the last bar in red. */
export function Bars({
  bars,
  max,
  maxLabel,
  label,
  from,
  to,
  marksLast = false,
}: {
  bars: { id: string; name: string; value: number; part?: number }[];
  max: number;
  maxLabel: string;
  label: string;
  from: string;
  to: string;
  marksLast?: boolean;
}) {
  const heightOf = (value: number) => (HEIGHT * Math.min(value, max)) / Math.max(1, max);
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
        {bars.map(({ id, name, value, part = 0 }, at) => {
          const [whole, dark] = [heightOf(value), heightOf(part)];
          const isMarked = marksLast && at === bars.length - 1;
          return (
            <g key={id}>
              <title>{`${name}: ${value}`}</title>
              <rect
                className={isMarked ? "fill-red" : "fill-edge"}
                height={whole}
                opacity={isMarked ? 1 : 0.5}
                width={STEP - 2}
                x={at * STEP + 1}
                y={HEIGHT - whole}
              />
              {dark > 0 && (
                <rect
                  className="fill-ink"
                  height={dark}
                  opacity="0.7"
                  width={STEP - 2}
                  x={at * STEP + 1}
                  y={HEIGHT - dark}
                />
              )}
            </g>
          );
        })}
      </svg>
      <p aria-hidden="true" className="mt-1 flex justify-between gap-x-4 text-soft text-tiny">
        <span>{from}</span>
        <span className="text-right">{to}</span>
      </p>
    </div>
  );
}
