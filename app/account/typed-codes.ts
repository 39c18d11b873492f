import { OneTimeCode } from "@/lib/core/one-time-code";
import type { CodeError } from "./codes-form";

/** A code as it was typed, or what is wrong with it. One of another length than the one that was sent costs no try. */
export function readTypedCode(
  typed: string,
  digits: number,
): { code: OneTimeCode; error: null } | { code: null; error: CodeError } {
  const { data: code } = OneTimeCode.safeParse(typed);
  if (!typed.trim()) return { code: null, error: "missing" };
  return code?.length === digits ? { code, error: null } : { code: null, error: "malformed" };
}
