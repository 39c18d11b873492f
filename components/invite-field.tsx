"use client";

import { useActionState } from "react";
import { Field } from "./field";
import { SubmitButton } from "./submit-button";

export type InviteFieldState = {
  typed: string;
  error: "invite_code_missing" | "invite_code_malformed";
  /** How many submits in a row failed. Each one announces the error again, even if it is the same. */
  attempt: number;
} | null;

/** A form for an invite code, which leads to the page of that invitation. */
export function InviteField({
  action,
  words,
}: {
  action: (state: InviteFieldState, form: FormData) => Promise<InviteFieldState>;
  words: Record<"label" | "hint" | "submit" | "offline", string> & {
    errors: Record<NonNullable<InviteFieldState>["error"], string>;
  };
}) {
  const [state, formAction] = useActionState(action, null);
  return (
    <form action={formAction} noValidate>
      <Field
        aria-describedby={state ? "code-error code-hint" : "code-hint"}
        attempt={state?.attempt ?? 0}
        autoCapitalize="characters"
        autoComplete="off"
        autoFocus={state !== null}
        className="field h-16 text-field uppercase tracking-code"
        defaultValue={state?.typed}
        enterKeyHint="go"
        error={state && words.errors[state.error]}
        label={words.label}
        name="code"
        spellCheck={false}
      />
      <p className="mt-2 mb-4 text-small text-soft" id="code-hint">
        {words.hint}
      </p>
      <SubmitButton offline={words.offline} pending={words.submit} quiet>
        {words.submit}
      </SubmitButton>
    </form>
  );
}
