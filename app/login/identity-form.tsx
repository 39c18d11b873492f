"use client";

import { useActionState } from "react";
import { Countdown } from "@/components/countdown";
import { Field } from "@/components/field";
import { FieldError } from "@/components/field-error";
import { SubmitButton } from "@/components/submit-button";
import type { IdentityFormState } from "./actions";

type Errors = NonNullable<IdentityFormState>["errors"];

interface Words {
  phone: string;
  email: string;
  submit: string;
  pending: string;
  offline: string;
  errors: Record<NonNullable<Errors[keyof Errors]>, string>;
}

/** Asks for the phone, and with `email` for the mailbox first; what was typed stays when it can't be used. */
export function IdentityForm({
  action,
  phone,
  email,
  placeholder,
  stamp,
  wanted,
  words,
}: {
  action: (state: IdentityFormState, form: FormData) => Promise<IdentityFormState>;
  /** What stands in the field to begin with. */
  phone: string;
  /** The same for the mailbox; null where none is asked for. */
  email: string | null;
  placeholder: string;
  /** Says of a form that is sent twice that it is the same. */
  stamp: string;
  /** Where the login leads; null for the profile. */
  wanted: string | null;
  words: Words;
}) {
  const [state, formAction] = useActionState(action, null);
  const errors = state?.errors ?? {};
  const attempt = state?.attempt ?? 0;
  // After a mistake the focus is where the first one is.
  const first = errors.phone && !errors.email ? "phone" : email === null ? "phone" : "email";
  return (
    <form action={formAction} noValidate>
      <input name="stamp" type="hidden" value={stamp} />
      {wanted && <input name="next" type="hidden" value={wanted} />}
      {errors.form && (
        <div className="mb-6">
          <FieldError id="form-error" key={`error ${attempt}`}>
            {words.errors[errors.form]}
            {errors.form === "budget_spent" && (
              <>
                {" "}
                <Countdown ms={state?.waitMs ?? 0} />
              </>
            )}
          </FieldError>
        </div>
      )}
      {email !== null && (
        <div className="mb-5">
          <Field
            attempt={attempt}
            autoComplete="email"
            autoFocus={first === "email"}
            defaultValue={state?.typed.email ?? email}
            error={errors.email ? words.errors[errors.email] : null}
            inputMode="email"
            label={words.email}
            name="email"
            type="email"
          />
        </div>
      )}
      <Field
        attempt={attempt}
        autoComplete="tel"
        autoFocus={first === "phone"}
        defaultValue={state?.typed.phone ?? phone}
        error={errors.phone ? words.errors[errors.phone] : null}
        enterKeyHint="go"
        label={words.phone}
        name="phone"
        placeholder={placeholder}
        type="tel"
      />
      <div className="mt-4">
        <SubmitButton offline={words.offline} pending={words.pending}>
          {words.submit}
        </SubmitButton>
      </div>
    </form>
  );
}
