import type { ComponentProps, ReactNode } from "react";
import { FieldError } from "./field-error";

/** What a field of a form has besides its input. A new `attempt` number resets the field to its default value. */
interface Labelled {
  name: string;
  label: string;
  hint?: string | null;
  /** The error of the last submit. */
  error: ReactNode;
  attempt: number;
}

/** A text field of one line with its label, a hint, and the error of the last submit. */
export function Field({ name, label, hint = null, error, attempt, ...input }: Labelled & ComponentProps<"input">) {
  return (
    <Frame {...{ name, label, hint, error, attempt }}>
      <input
        {...describedBy({ name, hint, error })}
        className="field h-16 text-field tabular-nums tracking-[0.02em]"
        enterKeyHint="next"
        id={name}
        key={attempt}
        name={name}
        required
        {...input}
      />
    </Frame>
  );
}

/** A text field of several lines, as `Field` otherwise. */
export function LinesField({
  name,
  label,
  hint = null,
  error,
  attempt,
  ...area
}: Labelled & ComponentProps<"textarea">) {
  return (
    <Frame {...{ name, label, hint, error, attempt }}>
      <textarea
        {...describedBy({ name, hint, error })}
        className="field py-2.5 text-[1rem]"
        id={name}
        key={attempt}
        name={name}
        {...area}
      />
    </Frame>
  );
}

function describedBy({ name, hint, error }: { name: string; hint: string | null; error: ReactNode }) {
  const described = [error && `${name}-error`, hint && `${name}-hint`].filter(Boolean).join(" ");
  return { "aria-describedby": described || undefined, "aria-invalid": error !== null };
}

function Frame({ name, label, hint, error, attempt, children }: Labelled & { children: ReactNode }) {
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
      {children}
      {error && (
        <FieldError id={`${name}-error`} key={`error ${attempt}`}>
          {error}
        </FieldError>
      )}
    </>
  );
}
