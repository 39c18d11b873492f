import { generate } from "lean-qr";
import { toSvgPath } from "lean-qr/extras/svg";

/** Modules of empty space that a scanner wants around a code (ISO/IEC 18004 asks for four). */
const QUIET_MODULES = 4;

/** A QR code of `text`, drawn on the server: always dark on light, so that any scanner reads it. */
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
