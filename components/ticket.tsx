import type { ReactNode } from "react";

/** The classes of the two round cuts at the ends of the dashed line. */
const BITE_CLASSES = "absolute size-6 rounded-full bg-paper";

/**
 * A box that looks like a ticket: its content and, behind a dashed line, its `stub`. On wide screens the stub is beside the
 * content, unless the ticket is `upright`.
 */
export function Ticket({
  children,
  stub,
  upright = false,
}: {
  children: ReactNode;
  stub: ReactNode;
  upright?: boolean;
}) {
  const [row, seam, start, end] = upright
    ? ["", "", "", ""]
    : [
        "md:flex",
        "md:border-t-0 md:border-l-2",
        "md:-top-3 md:-left-[13px]",
        "md:top-auto md:right-auto md:-bottom-3 md:-left-[13px]",
      ];
  return (
    <div
      className={`panel overflow-hidden rounded-ticket bg-card shadow-[0_12px_40px_rgb(80_50_20/0.08)] dark:shadow-none ${row}`}
    >
      <div className="min-w-0 grow p-5 sm:p-8">{children}</div>
      <div className={`relative flex items-center justify-center border-line border-t-2 border-dashed p-5 ${seam}`}>
        <span className={`${BITE_CLASSES} -top-[13px] -left-3 ${start}`} />
        <span className={`${BITE_CLASSES} -top-[13px] -right-3 ${end}`} />
        {stub}
      </div>
    </div>
  );
}

/** An invite code, as large as its container allows; the widest code is 5.8 em wide. Screen readers spell it. */
export function TicketCode({ code }: { code: string }) {
  return (
    <p className="@container font-extrabold text-red">
      <span
        aria-hidden="true"
        className="-mr-[0.06em] block select-all text-[min(5.5rem,calc(100cqi/5.8))] leading-[1.1] tracking-code"
      >
        {code}
      </span>
      <span className="sr-only select-none">{Array.from(code).join(" ")}</span>
    </p>
  );
}
