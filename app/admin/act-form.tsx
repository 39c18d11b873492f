"use client";

import { useActionState } from "react";
import { Field } from "@/components/field";
import { Problem } from "@/components/problem";
import { SubmitButton } from "@/components/submit-button";

/**
 * The state of the form after a failed submit: the typed texts, the error of each field or of the whole act, in the page's
 * language, and how many submits have failed.
 */
export type ActFormState = {
  typed: Record<string, string>;
  errors: Record<string, string>;
  attempt: number;
} | null;

/** A field of an act: a text field, a box to tick, or with `options` a choice, whose first option is chosen at the beginning. */
export interface ActField {
  name: string;
  label: string;
  hint?: string;
  type?: "text" | "tel" | "email" | "date" | "checkbox";
  /** The text of the field before anything was typed. */
  value?: string;
  isRequired?: boolean;
  options?: { value: string; label: string }[];
}

/** The form of an act: its fields, the reason, and the button that does it. After an error, the typed texts stay in the fields. */
export function ActForm({
  action,
  hidden,
  fields,
  takesAway,
  words,
}: {
  action: (state: ActFormState, form: FormData) => Promise<ActFormState>;
  /** Further fields of the form, hidden, by name. */
  hidden: Record<string, string>;
  fields: ActField[];
  /** Whether the act takes something away from the person: then its button is red. */
  takesAway: boolean;
  words: { submit: string; pending: string; offline: string; reason: string; reasonHint: string };
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  const all: ActField[] = [
    ...fields,
    { name: "reason", label: words.reason, hint: words.reasonHint, isRequired: true },
  ];
  const first = all.find(({ name }) => state?.errors[name]) ?? all[0];
  const problem = state?.errors.act;
  return (
    <form action={formAction} noValidate>
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      {problem && (
        <Problem id="act-error" key={`error ${attempt}`}>
          {problem}
        </Problem>
      )}
      {all.map(({ name, label, hint, type = "text", value: given, isRequired = false, options }) => (
        <div className="mb-5" key={name}>
          {options ? (
            <fieldset key={attempt}>
              <legend className="mb-2 font-semibold text-small">{label}</legend>
              {options.map(({ value, label: text }, at) => (
                <label className="flex min-h-11 items-center gap-3" key={value}>
                  <input
                    className="size-5 accent-red"
                    defaultChecked={state ? state.typed[name] === value : at === 0}
                    name={name}
                    type="radio"
                    value={value}
                  />
                  <span className="min-w-0 break-words">{text}</span>
                </label>
              ))}
            </fieldset>
          ) : type === "checkbox" ? (
            <label className="flex min-h-11 items-center gap-3">
              <input
                className="size-5 accent-red"
                defaultChecked={state?.typed[name] === "on"}
                key={attempt}
                name={name}
                type="checkbox"
              />
              <span className="min-w-0 break-words">{label}</span>
            </label>
          ) : (
            <Field
              attempt={attempt}
              autoComplete="off"
              autoFocus={name === first?.name}
              className="field h-12 text-[1rem]"
              defaultValue={state?.typed[name] ?? given}
              error={state?.errors[name] ?? null}
              hint={hint ?? null}
              label={label}
              name={name}
              required={isRequired}
              type={type}
            />
          )}
        </div>
      ))}
      <SubmitButton offline={words.offline} pending={words.pending} quiet={!takesAway}>
        {words.submit}
      </SubmitButton>
    </form>
  );
}
