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
  errors: Record<"missing" | "malformed" | "wrong" | "dead", string>;
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
    // Only one of them comes by a message that the telephone itself can fill in.
    { name: "email", label: words.emailCode, autoComplete: "off", enterKeyHint: "next" },
    { name: "phone", label: words.phoneCode, autoComplete: "one-time-code", enterKeyHint: "go" },
  ] as const;
  const errors = state?.errors ?? {};
  const first = fields.find(({ name }) => errors[name])?.name ?? "email";
  return (
    <form action={formAction} noValidate>
      {fields.map(({ name, label, autoComplete, enterKeyHint }) => (
        <div className="mb-5" key={name}>
          <label className="mb-2 block font-semibold text-small" htmlFor={name}>
            {label}
          </label>
          <input
            aria-describedby={errors[name] ? `${name}-error` : undefined}
            aria-invalid={errors[name] !== undefined}
            autoComplete={autoComplete}
            // biome-ignore lint/a11y/noAutofocus: the page is there for these two fields.
            autoFocus={name === first}
            className="field h-16 text-field tabular-nums tracking-code"
            defaultValue={state?.typed[name]}
            enterKeyHint={enterKeyHint}
            id={name}
            inputMode="numeric"
            key={attempt}
            name={name}
            required
          />
          {errors[name] && (
            <FieldError id={`${name}-error`} key={`error ${attempt}`}>
              {words.errors[errors[name]]}
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
