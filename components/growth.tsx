const WIDTH = 600;
const HEIGHT = 72;
const MARGIN = 3;

/** A step chart of a number that grew by one at each of `times` (oldest first), drawn from the first of them to `now`. */
export function Growth({ times, now, label }: { times: Date[]; now: Date; label: string }) {
  const start = times[0]?.getTime() ?? now.getTime();
  const spanMs = Math.max(1, now.getTime() - start);
  const rise = (HEIGHT - 2 * MARGIN) / Math.max(1, times.length - 1);
  const x = (time: Date) => ((time.getTime() - start) / spanMs) * WIDTH;
  const y = (step: number) => HEIGHT - MARGIN - step * rise;
  const stairs = times.map((time, step) => `H${x(time).toFixed(1)}V${y(step).toFixed(1)}`).join("");
  return (
    <svg
      aria-label={label}
      className="block h-20 w-full text-red"
      preserveAspectRatio="none"
      role="img"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
    >
      <path
        d={`M0 ${y(0)}${stairs}H${WIDTH}`}
        fill="none"
        stroke="currentColor"
        strokeWidth={2.5}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}
