"use client";

import { useActionState } from "react";
import { FieldError } from "./field-error";
import { SubmitButton } from "./submit-button";

export type InviteFieldState = {
  typed: string;
  error: "invite_code_missing" | "invite_code_malformed";
  /** How many submits in a row failed. Each one announces the error again, even if it is the same. */
  attempt: number;
} | null;

interface InviteFieldWords {
  label: string;
  hint: string;
  submit: string;
  offline: string;
  errors: Record<NonNullable<InviteFieldState>["error"], string>;
}

/** A form for an invite code, which leads to the page of that invitation. */
export function InviteField({
  action,
  words,
}: {
  action: (state: InviteFieldState, form: FormData) => Promise<InviteFieldState>;
  words: InviteFieldWords;
}) {
  const [state, formAction] = useActionState(action, null);
  return (
    <form action={formAction} noValidate>
      <label className="mb-2 block font-semibold text-small" htmlFor="invite-code">
        {words.label}
      </label>
      <input
        aria-describedby={state ? "invite-code-error invite-code-hint" : "invite-code-hint"}
        aria-invalid={state !== null}
        autoCapitalize="characters"
        autoComplete="off"
        // biome-ignore lint/a11y/noAutofocus: after an error the person corrects this field.
        autoFocus={state !== null}
        className="field h-16 text-field uppercase tracking-code"
        defaultValue={state?.typed}
        enterKeyHint="go"
        id="invite-code"
        key={state?.attempt}
        name="code"
        spellCheck={false}
      />
      {state && (
        <FieldError id="invite-code-error" key={`error ${state.attempt}`}>
          {words.errors[state.error]}
        </FieldError>
      )}
      <p className="mt-2 mb-4 text-small text-soft" id="invite-code-hint">
        {words.hint}
      </p>
      <SubmitButton offline={words.offline} pending={words.submit} quiet>
        {words.submit}
      </SubmitButton>
    </form>
  );
}
