"use client";

import { type ReactNode, useActionState } from "react";
import { Countdown } from "@/components/countdown";
import { Field } from "@/components/field";
import { Problem } from "@/components/problem";
import { SubmitButton } from "@/components/submit-button";

type RecipientKind = "phone" | "email";

/**
 * The state of the form after a failed submit: the typed texts, the error of each field or of the whole form, and how many submits
 * have failed, so that screen readers announce the same error again.
 */
export type RecipientFormState<Failure extends string> = {
  typed: Partial<Record<RecipientKind, string>>;
  errors: Partial<Record<RecipientKind | "form", Failure>>;
  /** How long until another code may be requested, for the error `budget_spent`; else 0. */
  waitMs: number;
  attempt: number;
} | null;

/** A form for a phone, a mailbox or both, to which codes are then sent. After an error, the typed text stays in the fields. */
export function RecipientForm<Failure extends string>({
  action,
  fields,
  hidden,
  words,
}: {
  action: (state: RecipientFormState<Failure>, form: FormData) => Promise<RecipientFormState<Failure>>;
  /** The fields that are typed in, in the order of the page. `value` is a field's initial text. */
  fields: { kind: RecipientKind; label: string; value: string; placeholder?: string }[];
  /** Further fields of the form, hidden, by name. */
  hidden: Record<string, string>;
  words: { submit: string; pending: string; offline: string; errors: Record<Failure, string> };
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  const errorOf = (name: RecipientKind | "form"): ReactNode => {
    const failure = state?.errors[name];
    if (!state || !failure) return null;
    if (failure !== "budget_spent") return words.errors[failure];
    return (
      <>
        {words.errors[failure]} <Countdown ms={state.waitMs} />
      </>
    );
  };
  // The focus is in the first field with an error, or in the first field if none has one.
  const first = fields.find(({ kind }) => state?.errors[kind]) ?? fields[0];
  const formError = errorOf("form");
  return (
    <form action={formAction} noValidate>
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      {formError && (
        <Problem id="form-error" key={`error ${attempt}`}>
          {formError}
        </Problem>
      )}
      {fields.map(({ kind, label, value, placeholder }, at) => (
        <div className={at < fields.length - 1 ? "mb-5" : "mb-4"} key={kind}>
          <Field
            attempt={attempt}
            autoComplete={kind === "phone" ? "tel" : "email"}
            autoFocus={kind === first?.kind}
            defaultValue={state?.typed[kind] ?? value}
            enterKeyHint={at < fields.length - 1 ? "next" : "go"}
            error={errorOf(kind)}
            label={label}
            name={kind}
            placeholder={placeholder}
            type={kind === "phone" ? "tel" : "email"}
          />
        </div>
      ))}
      <SubmitButton offline={words.offline} pending={words.pending}>
        {words.submit}
      </SubmitButton>
    </form>
  );
}
