import type { Route } from "next";
import Link from "next/link";

/** A link to the page of each act on a thing. Those that take something away are red. */
export function ActLinks({
  acts,
  className,
}: {
  acts: { name: string; href: Route; label: string; takesAway: boolean }[];
  className?: string;
}) {
  return (
    <ul className={className}>
      {acts.map(({ name, href, label, takesAway }) => (
        <li key={name}>
          <Link
            className={`link inline-flex min-h-11 items-center ${takesAway ? "text-red" : ""}`}
            href={href}
            prefetch={false}
          >
            {label}
          </Link>
        </li>
      ))}
    </ul>
  );
}
