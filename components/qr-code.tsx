import { generate } from "lean-qr";
import { toSvgPath } from "lean-qr/extras/svg";

/** The width of the empty margin around a QR code, in modules (ISO/IEC 18004 requires four). */
const QUIET_MODULES = 4;

/** A QR code of `text` as SVG. It is dark on light in both themes, because many scanners read no other. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const code = generate(text);
  const size = code.size + 2 * QUIET_MODULES;
  return (
    <svg
      aria-label={label}
      className="block size-full forced-color-adjust-none rounded-[10px] bg-[var(--qr-paper)] text-[var(--qr-ink)]"
      role="img"
      shapeRendering="crispEdges"
      viewBox={`${-QUIET_MODULES} ${-QUIET_MODULES} ${size} ${size}`}
    >
      <path d={toSvgPath(code)} fill="currentColor" />
    </svg>
  );
}
