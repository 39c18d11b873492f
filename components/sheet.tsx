import type { ReactNode } from "react";

/** The narrow column of a page with a single form or message. */
export function Sheet({ children }: { children: ReactNode }) {
  return <div className="mx-auto max-w-login">{children}</div>;
}
