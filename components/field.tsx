import type { ComponentProps, ReactNode } from "react";
import { FieldError } from "./field-error";

/** A field with its label, and what is wrong with what was typed; another `attempt` begins it anew. */
export function Field({
  name,
  label,
  error,
  attempt,
  ...input
}: { name: string; label: string; error: ReactNode; attempt: number } & ComponentProps<"input">) {
  return (
    <>
      <label className="mb-2 block font-semibold text-small" htmlFor={name}>
        {label}
      </label>
      <input
        aria-describedby={error ? `${name}-error` : undefined}
        aria-invalid={error !== null}
        className="field h-16 text-field tabular-nums tracking-[0.02em]"
        enterKeyHint="next"
        id={name}
        key={attempt}
        name={name}
        required
        {...input}
      />
      {error && (
        <FieldError id={`${name}-error`} key={`error ${attempt}`}>
          {error}
        </FieldError>
      )}
    </>
  );
}
