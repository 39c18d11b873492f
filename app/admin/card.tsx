import type { ReactNode } from "react";

/** A card with its heading. */
export function Card({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="min-w-0 rounded-card border border-line bg-card p-5">
      <h2 className="mb-3 text-large" id={id}>
        {title}
      </h2>
      {children}
    </section>
  );
}
