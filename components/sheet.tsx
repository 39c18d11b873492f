import type { ReactNode } from "react";

/** The narrow column of a page that asks for one thing. */
export function Sheet({ children }: { children: ReactNode }) {
  return <div className="mx-auto max-w-login">{children}</div>;
}
