"use client";

import { type ReactNode, useActionState } from "react";
import { Countdown } from "@/components/countdown";
import { Field } from "@/components/field";
import { Problem } from "@/components/problem";
import { SubmitButton } from "@/components/submit-button";

type RecipientKind = "phone" | "email";

/**
 * What a form shows again after input that can't be used: what is wrong with a field or with the whole form, and how many times in a
 * row, so that the same error is told again each time.
 */
export type RecipientFormState<Failure extends string> = {
  typed: Partial<Record<RecipientKind, string>>;
  errors: Partial<Record<RecipientKind | "form", Failure>>;
  /** How long until another code may be asked for, where that is what is wrong. */
  waitMs: number;
  attempt: number;
} | null;

/** Asks for a phone, a mailbox or both, where codes are sent; what was typed stays when it can't be used. */
export function RecipientForm<Failure extends string>({
  action,
  fields,
  hidden,
  words,
}: {
  action: (state: RecipientFormState<Failure>, form: FormData) => Promise<RecipientFormState<Failure>>;
  /** `value` is what stands in the field to begin with. */
  fields: { kind: RecipientKind; label: string; value: string; placeholder?: string }[];
  /** What else the form says. */
  hidden: Record<string, string>;
  words: { submit: string; pending: string; offline: string; errors: Record<Failure, string> };
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  const errorOf = (name: RecipientKind | "form"): ReactNode => {
    const failure = state?.errors[name];
    if (!state || !failure) return null;
    return (
      <>
        {words.errors[failure]}
        {failure === "budget_spent" && (
          <>
            {" "}
            <Countdown ms={state.waitMs} />
          </>
        )}
      </>
    );
  };
  // After a mistake the focus is where the first one is.
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
