"use client";

import { useActionState } from "react";
import { FieldError } from "@/components/field-error";
import { SubmitButton } from "@/components/submit-button";
import type { ProofFormState } from "./actions";

interface Words {
  emailCode: string;
  phoneCode: string;
  submit: string;
  pending: string;
  offline: string;
  errors: Record<"missing" | "wrong" | "dead", string>;
}

/** Asks for both codes, each in a field of its own. */
export function ProofForm({
  action,
  words,
}: {
  action: (state: ProofFormState, form: FormData) => Promise<ProofFormState>;
  words: Words;
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  const fields = [
    { name: "email", label: words.emailCode, error: state?.email },
    { name: "phone", label: words.phoneCode, error: state?.phone },
  ];
  const first = fields.find(({ error }) => error)?.name ?? "email";
  return (
    <form action={formAction} noValidate>
      {fields.map(({ name, label, error }) => (
        <div className="mb-5" key={name}>
          <label className="mb-2 block font-semibold text-small" htmlFor={name}>
            {label}
          </label>
          <input
            aria-describedby={error ? `${name}-error` : undefined}
            aria-invalid={error !== undefined}
            autoComplete="one-time-code"
            // biome-ignore lint/a11y/noAutofocus: the page is there for these two fields.
            autoFocus={name === first}
            className="field h-16 text-field tabular-nums tracking-code"
            enterKeyHint="next"
            id={name}
            inputMode="numeric"
            key={attempt}
            name={name}
            required
          />
          {error && (
            <FieldError id={`${name}-error`} key={`error ${attempt}`}>
              {words.errors[error]}
            </FieldError>
          )}
        </div>
      ))}
      <SubmitButton offline={words.offline} pending={words.pending}>
        {words.submit}
      </SubmitButton>
    </form>
  );
}
