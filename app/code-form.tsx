"use client";

import { type RefObject, useActionState, useEffect, useRef } from "react";
import { Field } from "@/components/field";
import { SubmitButton } from "@/components/submit-button";
import { readCodeOf } from "@/lib/core/challenges/typed-code";

export type CodeError = "missing" | "malformed" | "wrong";

/** The state of the form after a failed submit: each code's error, the texts to keep in the fields, and how many submits have failed. */
export type CodeFormState = {
  typed: Record<string, string>;
  errors: Record<string, CodeError>;
  attempt: number;
} | null;

export interface CodeField {
  name: string;
  label: string;
  digits: number;
  /** Whether the browser may fill in the code from a message (`one-time-code` in the `autocomplete` attribute of HTML). */
  isAutofilled: boolean;
  hint: string | null;
  /** An error to show from the beginning, about the attempt that led back to this page. */
  error: string | null;
  errors: Record<CodeError, string>;
}

/**
 * A form for one-time codes, with a field for each. With `isAutoSubmitted` it has one field in large digits, and is submitted as
 * soon as the code is complete; otherwise only its button submits it.
 */
export function CodeForm({
  action,
  fields,
  hidden,
  isAutoSubmitted,
  words,
}: {
  action: (state: CodeFormState, form: FormData) => Promise<CodeFormState>;
  fields: CodeField[];
  /** Further fields of the form, hidden, by name. */
  hidden: Record<string, string>;
  isAutoSubmitted: boolean;
  words: { submit: string; pending: string; offline: string };
}) {
  const [state, formAction, isPending] = useActionState(action, null);
  const form = useRef<HTMLFormElement>(null);
  const attempt = state?.attempt ?? 0;
  const first = fields.find(({ name }) => state?.errors[name]) ?? fields[0];
  useSendWhenComplete(form, isAutoSubmitted && first ? first : null, attempt);
  return (
    <form action={formAction} className={isAutoSubmitted ? "@container" : undefined} noValidate ref={form}>
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      {fields.map(({ name, label, digits, isAutofilled, hint, error, errors }, at) => {
        const wrong = state?.errors[name];
        return (
          <div className={isAutoSubmitted ? "mb-4" : "mb-5"} key={name}>
            <Field
              attempt={attempt}
              autoComplete={isAutofilled ? "one-time-code" : "off"}
              autoFocus={name === first?.name}
              defaultValue={state?.typed[name]}
              enterKeyHint={at === fields.length - 1 ? "go" : "next"}
              error={wrong ? errors[wrong] : state ? null : error}
              hint={hint}
              inputMode="numeric"
              label={label}
              name={name}
              {...(isAutoSubmitted && { className: largeDigitsClass(digits), readOnly: isPending })}
            />
          </div>
        );
      })}
      <SubmitButton offline={words.offline} pending={words.pending}>
        {words.submit}
      </SubmitButton>
    </form>
  );
}

const largeDigitsClass = (digits: number) =>
  `field code-field [--digits:${digits}] h-[88px] px-0 text-center indent-[0.4em] tabular-nums tracking-[0.4em]`;

/** The result of the WebOTP API, which TypeScript's DOM types lack. */
type OtpCredential = Credential & { code?: string };

/**
 * Submits the form once per attempt, as soon as the code in `field` is complete: typed, pasted, filled in by the browser from the
 * message, or typed before this script ran. Does nothing for null.
 */
function useSendWhenComplete(
  form: RefObject<HTMLFormElement | null>,
  field: Pick<CodeField, "name" | "digits"> | null,
  attempt: number,
): void {
  const { name, digits } = field ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt renders a new field.
  useEffect(() => {
    const input = name && form.current?.elements.namedItem(name);
    if (!(input instanceof HTMLInputElement) || digits === undefined) return;
    const over = new AbortController();
    const { signal } = over;
    let isSent = false;
    const sendWhenComplete = () => {
      // The person may have pasted the whole message, with other numbers in it. Text without a complete code stays as it is.
      const code = readCodeOf(input.value, digits);
      if (code === null) return;
      input.value = code;
      if (!isSent && navigator.onLine) input.form?.requestSubmit();
    };
    const noteSent = () => {
      isSent = true;
    };
    input.addEventListener("input", sendWhenComplete, { signal });
    form.current?.addEventListener("submit", noteSent, { signal });
    sendWhenComplete();

    if ("OTPCredential" in window) {
      const request = { otp: { transport: ["sms"] }, signal } as CredentialRequestOptions;
      navigator.credentials.get(request).then(
        (credential: OtpCredential | null) => {
          if (!credential?.code) return;
          input.value = credential.code;
          sendWhenComplete();
        },
        // The promise is rejected when the person declines or the field is removed. The code can still be typed.
        () => undefined,
      );
    }
    return () => over.abort();
  }, [form, name, digits, attempt]);
}
