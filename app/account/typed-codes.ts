import type { CheckCodeFailure, CodeStatus } from "@/lib/core/challenges";
import { OneTimeCode } from "@/lib/core/one-time-code";
import type { CodeError } from "./codes-form";

/** A code as it was typed, or what is wrong with it. One of another length than the live one's costs no try. */
export function readTypedCode(
  typed: string,
  status: CodeStatus | null,
): { code: OneTimeCode; error: null } | { code: null; error: CodeError } {
  const { data: code } = OneTimeCode.safeParse(typed);
  if (!typed.trim()) return { code: null, error: "missing" };
  const isWhole = code && (status?.state !== "live" || code.length === status.digits);
  return isWhole ? { code, error: null } : { code: null, error: "malformed" };
}

/** What a form says of a code that was refused. */
export function errorOf({ name }: CheckCodeFailure): CodeError {
  return name === "code_wrong" ? "wrong" : "dead";
}
