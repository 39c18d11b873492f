import type { ReactNode } from "react";

/** An error beside a field. Screen readers announce it when it appears. Its sign is red and its text is not, for contrast. */
export function FieldError({ id, children }: { id: string; children: ReactNode }) {
  return (
    <p className="mt-3 flex gap-2.5 text-small font-medium" id={id} role="alert">
      <svg aria-hidden="true" className="mt-[3px] size-4 shrink-0 text-red" viewBox="0 0 16 16">
        <path d="M2 2l12 12M14 2L2 14" fill="none" stroke="currentColor" strokeLinecap="round" strokeWidth={2.5} />
      </svg>
      <span>{children}</span>
    </p>
  );
}
