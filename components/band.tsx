const STITCH_PX = 4;
/** One repetition of the ornament, in which each `x` is a stitch. */
const MOTIF = [
  "........x.......",
  ".......xxx......",
  "x.....xx.xx.....",
  "xx...xx...xx...x",
  ".xx.xx..x..xx.xx",
  "..xxx..xxx..xxx.",
  ".xx.xx..x..xx.xx",
  "xx...xx...xx...x",
  "x.....xx.xx.....",
  ".......xxx......",
  "........x.......",
];
export const BAND_WIDTH_PX = 16 * STITCH_PX;
export const BAND_HEIGHT_PX = MOTIF.length * STITCH_PX;

/** The SVG path of one repetition of the ornament. Each stitch is a small cross. */
export const STITCH_PATH = MOTIF.flatMap((row, y) =>
  Array.from(row, (stitch, x) => (stitch === "x" ? `M${x * STITCH_PX + 0.5} ${y * STITCH_PX + 0.5}l3 3m0-3l-3 3` : "")),
).join("");

/** The ornament above each page: a band of cross-stitch as wide as the window. */
export function Band() {
  return (
    <svg
      aria-hidden="true"
      className="block text-red opacity-85 group-has-[[data-console]]/page:[zoom:0.5]"
      height={BAND_HEIGHT_PX}
      width="100%"
    >
      <defs>
        <pattern height={BAND_HEIGHT_PX} id="stitches" patternUnits="userSpaceOnUse" width={BAND_WIDTH_PX}>
          <path d={STITCH_PATH} fill="none" stroke="currentColor" strokeLinecap="round" strokeWidth={1.7} />
        </pattern>
      </defs>
      <rect fill="url(#stitches)" height="100%" width="100%" />
    </svg>
  );
}
