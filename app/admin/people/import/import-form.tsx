"use client";

import { useActionState } from "react";
import { Field } from "@/components/field";
import { FieldError } from "@/components/field-error";
import { SubmitButton } from "@/components/submit-button";
import type { ImportResult } from "@/lib/core/administration/import-file";

/** The state of the form after a submit: the file that was checked, and what becomes of its rows; or errors by field. */
export type ImportFormState = {
  text: string;
  typed: string;
  errors: { file?: string; reason?: string };
  results: { result: ImportResult; count: number; lines: string }[];
  ignored: string[];
  /** Whether the rows were imported, and not only checked. */
  isDone: boolean;
  attempt: number;
} | null;

interface Words {
  file: string;
  fileHint: string;
  check: string;
  submit: string;
  pending: string;
  offline: string;
  reason: string;
  reasonHint: string;
  checked: string;
  done: string;
  ignored: string;
  line: string;
  results: Record<ImportResult, string>;
}

/** The form that checks a file of accounts, and then the form that imports it. */
export function ImportForm({
  action,
  words,
}: {
  action: (state: ImportFormState, form: FormData) => Promise<ImportFormState>;
  words: Words;
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  const canImport = state !== null && !state.isDone && state.results.some(({ result }) => result === "new");
  return (
    <>
      {state && state.results.length > 0 && (
        <section aria-live="polite" className="mb-8">
          <h2 className="mb-3">{state.isDone ? words.done : words.checked}</h2>
          {state.ignored.length > 0 && (
            <p className="mb-3 break-words text-soft">
              {words.ignored} {state.ignored.join(", ")}
            </p>
          )}
          <dl className="border-line border-t">
            {state.results.map(({ result, count, lines }) => (
              <div className="border-line border-b py-3" key={result}>
                <dt className="flex justify-between gap-x-6 font-semibold">
                  <span>{words.results[result]}</span>
                  <span className="tabular-nums">{count}</span>
                </dt>
                <dd className="break-words text-small text-soft tabular-nums">
                  {words.line} {lines}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {canImport && (
        <form action={formAction} className="mb-10" noValidate>
          <input name="step" type="hidden" value="import" />
          <input name="text" type="hidden" value={state.text} />
          <Field
            attempt={attempt}
            autoComplete="off"
            className="field h-12 text-[1rem]"
            defaultValue={state.typed}
            error={state.errors.reason ?? null}
            hint={words.reasonHint}
            label={words.reason}
            name="reason"
          />
          <div className="mt-5">
            <SubmitButton offline={words.offline} pending={words.pending}>
              {words.submit}
            </SubmitButton>
          </div>
        </form>
      )}
      <form action={formAction} noValidate>
        <label className="mb-2 block font-semibold text-small" htmlFor="file">
          {words.file}
        </label>
        <p className="mb-3 text-small text-soft" id="file-hint">
          {words.fileHint}
        </p>
        <input
          accept=".csv,text/csv"
          aria-describedby={state?.errors.file ? "file-error file-hint" : "file-hint"}
          aria-invalid={state?.errors.file !== undefined}
          className="block min-h-11 w-full max-w-full file:mr-3 file:min-h-11 file:cursor-pointer file:rounded-card file:border file:border-edge file:border-solid file:bg-transparent file:px-4 file:font-semibold"
          id="file"
          name="file"
          type="file"
        />
        {state?.errors.file && (
          <FieldError id="file-error" key={`error ${attempt}`}>
            {state.errors.file}
          </FieldError>
        )}
        <div className="mt-5">
          <SubmitButton offline={words.offline} pending={words.pending} quiet>
            {words.check}
          </SubmitButton>
        </div>
      </form>
    </>
  );
}
