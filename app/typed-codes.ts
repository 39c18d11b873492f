import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { readCodeOf } from "@/lib/core/challenges/typed-code";
import { readPastedText } from "@/lib/core/pasted-text";
import type { CodeError, CodeFormState } from "./code-form";

/**
 * Reads the typed codes from a submitted form. `sent` has the names of their fields, and how many digits each sent code has. If a
 * typed code is missing or has another length, returns the form's next state in `again`; that costs no attempt.
 */
export function readTypedCodes<Name extends string>(
  form: FormData,
  state: CodeFormState,
  sent: Record<Name, { digits: number }>,
): { codes: Record<Name, TypedCode>; again: null } | { codes: null; again: CodeFormState } {
  const errors: Record<string, CodeError> = {};
  const codes: Partial<Record<Name, TypedCode>> = {};
  for (const name of Object.keys(sent) as Name[]) {
    const typed = readTypedText(form, name);
    const code = TypedCode.safeParse(readCodeOf(typed, sent[name].digits));
    if (code.success) codes[name] = code.data;
    else errors[name] = readPastedText(typed) ? "malformed" : "missing";
  }
  if (Object.keys(errors).length > 0) return { codes: null, again: nextState(form, state, Object.keys(sent), errors) };
  return { codes: codes as Record<Name, TypedCode>, again: null };
}

/** Makes the form's next state: a field with a failure in `refused` becomes empty, with the error `wrong`; one with null stays. */
export function refuseTypedCodes(
  form: FormData,
  state: CodeFormState,
  refused: Record<string, { name: string } | null>,
): CodeFormState {
  const names = Object.keys(refused);
  const wrong = names.filter((name) => refused[name]);
  return nextState(form, state, names, Object.fromEntries(wrong.map((name) => [name, "wrong" as const])));
}

function nextState(
  form: FormData,
  state: CodeFormState,
  names: string[],
  errors: Record<string, CodeError>,
): CodeFormState {
  const typed = names.map((name) => [name, errors[name] === "wrong" ? "" : readTypedText(form, name)]);
  return { typed: Object.fromEntries(typed), errors, attempt: (state?.attempt ?? 0) + 1 };
}

const readTypedText = (form: FormData, name: string) => String(form.get(name) ?? "");
