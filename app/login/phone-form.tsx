"use client";

import { useActionState } from "react";
import { FieldError } from "@/components/field-error";
import { SubmitButton } from "@/components/submit-button";
import type { PhoneFormState } from "./actions";

interface Words {
  label: string;
  submit: string;
  pending: string;
  offline: string;
  errors: Record<NonNullable<PhoneFormState>["error"], string>;
}

/** Asks for the phone; what was typed stays when it can't be used. */
export function PhoneForm({
  action,
  phone,
  placeholder,
  words,
}: {
  action: (state: PhoneFormState, form: FormData) => Promise<PhoneFormState>;
  /** What stands in the field to begin with. */
  phone: string;
  placeholder: string;
  words: Words;
}) {
  const [state, formAction] = useActionState(action, null);
  return (
    <form action={formAction} noValidate>
      <label className="mb-2 block font-semibold text-small" htmlFor="phone">
        {words.label}
      </label>
      <input
        aria-describedby={state ? "phone-error" : undefined}
        aria-invalid={state !== null}
        autoComplete="tel"
        // biome-ignore lint/a11y/noAutofocus: the page is there for this one field.
        autoFocus
        className="field h-16 text-field tabular-nums tracking-[0.02em]"
        defaultValue={state?.typed ?? phone}
        enterKeyHint="next"
        id="phone"
        key={state?.attempt}
        name="phone"
        placeholder={placeholder}
        required
        type="tel"
      />
      {state && (
        <FieldError id="phone-error" key={`error ${state.attempt}`}>
          {words.errors[state.error]}
        </FieldError>
      )}
      <div className="mt-4">
        <SubmitButton offline={words.offline} pending={words.pending}>
          {words.submit}
        </SubmitButton>
      </div>
    </form>
  );
}
