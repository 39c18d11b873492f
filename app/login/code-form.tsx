"use client";

import { type ReactNode, useActionState, useEffect, useRef } from "react";
import { FieldError } from "@/components/field-error";
import { SubmitButton } from "@/components/submit-button";
import { readCodeOf } from "@/lib/core/challenges/typed-code";
import type { CodeFormState } from "./actions";

interface Words {
  label: string;
  submit: string;
  pending: string;
  offline: string;
  codeMalformed: string;
}

/** The code as WebOTP hands it over; TypeScript's DOM doesn't know it yet. */
type OtpCredential = Credential & { code?: string };

/**
 * Asks for the code in one field, and sends it once, as soon as it is complete: typed, pasted, filled in by the browser
 * from the message, or there before this script ran.
 */
export function CodeForm({
  action,
  digits,
  error,
  words,
  children,
}: {
  action: (state: CodeFormState, form: FormData) => Promise<CodeFormState>;
  digits: number;
  /** What is wrong with the code that was tried before. */
  error: string | null;
  words: Words;
  /** Further fields, which say whose code it is. */
  children: ReactNode;
}) {
  const [state, formAction, isPending] = useActionState(action, null);
  const field = useRef<HTMLInputElement>(null);
  const isSent = useRef(false);
  const shownError = state ? words.codeMalformed : error;

  useEffect(() => {
    const input = field.current;
    if (!input) return;

    const sendWhenComplete = () => {
      // A whole message may have been pasted, with other numbers in it; what is no code at all is left as it is.
      const code = readCodeOf(input.value, digits);
      if (code === null) return;
      input.value = code;
      if (isSent.current || !navigator.onLine) return;
      isSent.current = true;
      input.form?.requestSubmit();
    };
    input.addEventListener("input", sendWhenComplete);
    sendWhenComplete();

    const waiting = new AbortController();
    if ("OTPCredential" in window) {
      const request = { otp: { transport: ["sms"] }, signal: waiting.signal } as CredentialRequestOptions;
      navigator.credentials.get(request).then(
        (credential: OtpCredential | null) => {
          if (!credential?.code) return;
          input.value = credential.code;
          sendWhenComplete();
        },
        // It rejects when the person declines or this field goes away: they type the code instead.
        () => undefined,
      );
    }
    return () => {
      input.removeEventListener("input", sendWhenComplete);
      waiting.abort();
    };
  }, [digits]);

  useEffect(() => {
    if (!state) return;
    isSent.current = false;
    field.current?.focus();
  }, [state]);

  return (
    <form
      action={formAction}
      className="@container"
      noValidate
      onSubmit={(event) => {
        if (isPending) event.preventDefault();
        isSent.current = true;
      }}
    >
      {children}
      <label className="mb-2 block font-semibold text-small" htmlFor="code">
        {words.label}
      </label>
      <input
        aria-describedby={shownError ? "code-error" : undefined}
        aria-invalid={shownError !== null}
        autoComplete="one-time-code"
        // biome-ignore lint/a11y/noAutofocus: the page is there for this one field.
        autoFocus
        className={`field code-field [--digits:${digits}] h-[88px] px-0 text-center indent-[0.4em] tabular-nums tracking-[0.4em]`}
        defaultValue={state?.typed}
        enterKeyHint="go"
        id="code"
        inputMode="numeric"
        name="code"
        readOnly={isPending}
        ref={field}
        required
      />
      {shownError && (
        <FieldError id="code-error" key={state?.attempt}>
          {shownError}
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
