import type { ReactNode } from "react";

/** A card of a page about one thing, with a heading. */
export function Card({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="rounded-card border border-line bg-card px-5 py-4">
      <h2 className="mb-3 text-[1rem]" id={id}>
        {title}
      </h2>
      {children}
    </section>
  );
}
