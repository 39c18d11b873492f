"use client";

import { useActionState } from "react";
import { Countdown } from "@/components/countdown";
import { Field } from "@/components/field";
import { SubmitButton } from "@/components/submit-button";
import type { FactorFormState } from "./actions";
import type { Factor } from "./factor";

type FactorError = NonNullable<FactorFormState>["error"];

/** Asks for the new phone or mailbox; what was typed stays when it can't be used. */
export function FactorForm({
  action,
  factor,
  stamp,
  value,
  placeholder,
  words,
}: {
  action: (state: FactorFormState, form: FormData) => Promise<FactorFormState>;
  factor: Factor;
  /** Says of a form that is sent twice that it is the same. */
  stamp: string;
  /** What stands in the field to begin with. */
  value: string;
  placeholder: string;
  words: { label: string; submit: string; pending: string; offline: string; errors: Record<FactorError, string> };
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  return (
    <form action={formAction} noValidate>
      <input name="stamp" type="hidden" value={stamp} />
      <Field
        attempt={attempt}
        autoComplete={factor === "phone" ? "tel" : "email"}
        autoFocus
        defaultValue={state?.typed ?? value}
        enterKeyHint="go"
        error={
          state && (
            <>
              {words.errors[state.error]}
              {state.error === "budget_spent" && (
                <>
                  {" "}
                  <Countdown ms={state.waitMs} />
                </>
              )}
            </>
          )
        }
        label={words.label}
        name={factor}
        placeholder={placeholder}
        type={factor === "phone" ? "tel" : "email"}
      />
      <div className="mt-4">
        <SubmitButton offline={words.offline} pending={words.pending}>
          {words.submit}
        </SubmitButton>
      </div>
    </form>
  );
}
