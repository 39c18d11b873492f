import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { readCodeOf } from "@/lib/core/challenges/typed-code";
import { readPastedText } from "@/lib/core/pasted-text";
import type { CodeError } from "./codes-form";

/** A code as it was typed, or what is wrong with it. One of another length than the one that was sent costs no try. */
export function readTypedCode(
  typed: string,
  digits: number,
): { code: TypedCode; error: null } | { code: null; error: CodeError } {
  if (!readPastedText(typed)) return { code: null, error: "missing" };
  const { data: code } = TypedCode.safeParse(readCodeOf(typed, digits));
  return code === undefined ? { code: null, error: "malformed" } : { code, error: null };
}
