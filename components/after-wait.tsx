import type { ReactNode } from "react";

/** Shows `children`, such as a form, once a wait of `ms` milliseconds is over; until then it shows `wait`. */
export function AfterWait({ ms, wait, children }: { ms: number; wait: ReactNode; children: ReactNode }) {
  if (ms === 0) return children;
  return (
    <>
      <p className="mt-5 text-small text-soft">{wait}</p>
      {/* Without a script the page doesn't change by itself, so the form is there from the beginning. */}
      <noscript>{children}</noscript>
    </>
  );
}
