import type { ReactNode } from "react";

/** A quiet note beside the matter at hand. */
export function Notice({ children }: { children: ReactNode }) {
  return <div className="panel rounded-xl bg-wash px-4 py-3 text-small">{children}</div>;
}
