import type { ReactNode } from "react";

/** A fact about one thing of the console. One whose value is null is left out. */
interface Fact {
  label: string;
  value: ReactNode;
}

/** Shows facts in rows: the label beside the value, on a phone above it. */
export function FactList({ facts }: { facts: Fact[] }) {
  return (
    <dl className="text-small">
      {facts
        .filter(({ value }) => value !== null)
        .map(({ label, value }) => (
          <div className="grid gap-x-4 py-1.5 sm:grid-cols-[10rem_minmax(0,1fr)]" key={label}>
            <dt className="text-soft">{label}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ))}
    </dl>
  );
}
