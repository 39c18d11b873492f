import type { ReactNode } from "react";

/** A box with a message that is neither an error nor urgent. */
export function Notice({ children }: { children: ReactNode }) {
  return <div className="panel rounded-xl bg-wash px-4 py-3 text-small">{children}</div>;
}
