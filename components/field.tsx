import type { ComponentProps, ReactNode } from "react";
import { FieldError } from "./field-error";

/** A text field with its label, a hint, and the error of the last submit. A new `attempt` number resets the field to its default value. */
export function Field({
  name,
  label,
  hint = null,
  error,
  attempt,
  ...input
}: {
  name: string;
  label: string;
  hint?: string | null;
  error: ReactNode;
  attempt: number;
} & ComponentProps<"input">) {
  const described = [error && `${name}-error`, hint && `${name}-hint`].filter(Boolean).join(" ");
  return (
    <>
      <label className="mb-2 block font-semibold text-small" htmlFor={name}>
        {label}
      </label>
      {hint && (
        <p className="mb-3 text-small text-soft" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      <input
        aria-describedby={described || undefined}
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
