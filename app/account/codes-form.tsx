"use client";

import { useActionState } from "react";
import { Field } from "@/components/field";
import { SubmitButton } from "@/components/submit-button";

export type CodeError = "missing" | "malformed" | "wrong";

/** What is wrong with which code, and how many times in a row. One that may be right stays where it was typed. */
export type CodesFormState = {
  typed: Record<string, string>;
  errors: Record<string, CodeError>;
  attempt: number;
} | null;

interface CodeField {
  name: string;
  label: string;
  /** Whether it comes by a message that the telephone itself can fill in. */
  isMessage: boolean;
  /** What there is to say of it before it is typed. */
  hint: string | null;
  errors: Record<CodeError, string>;
}

/** Asks for codes, each in a field of its own. Nothing is sent before the button is pressed, for what follows is for good. */
export function CodesForm({
  action,
  fields,
  hidden = {},
  words,
}: {
  action: (state: CodesFormState, form: FormData) => Promise<CodesFormState>;
  fields: CodeField[];
  /** What else the form says. */
  hidden?: Record<string, string>;
  words: { submit: string; pending: string; offline: string };
}) {
  const [state, formAction] = useActionState(action, null);
  const errors = state?.errors ?? {};
  const first = fields.find(({ name }) => errors[name]) ?? fields[0];
  return (
    <form action={formAction} noValidate>
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      {fields.map(({ name, label, isMessage, hint, errors: words }, at) => (
        <div className="mb-5" key={name}>
          <Field
            attempt={state?.attempt ?? 0}
            autoComplete={isMessage ? "one-time-code" : "off"}
            autoFocus={name === first?.name}
            defaultValue={state?.typed[name]}
            enterKeyHint={at === fields.length - 1 ? "go" : "next"}
            error={errors[name] ? words[errors[name]] : null}
            hint={hint}
            inputMode="numeric"
            label={label}
            name={name}
          />
        </div>
      ))}
      <SubmitButton offline={words.offline} pending={words.pending}>
        {words.submit}
      </SubmitButton>
    </form>
  );
}
