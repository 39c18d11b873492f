import type { ReactNode } from "react";

/** Something that can be done after a wait: until then how long it is. */
export function AfterWait({ ms, wait, children }: { ms: number; wait: ReactNode; children: ReactNode }) {
  if (ms === 0) return children;
  return (
    <>
      <p className="mt-5 text-small text-soft">{wait}</p>
      {/* Without a script nothing counts down, so it is there from the beginning. */}
      <noscript>{children}</noscript>
    </>
  );
}
