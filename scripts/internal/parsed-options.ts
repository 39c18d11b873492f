import { Refusal } from "./tool.mjs";

/** What `safeParse` of a zod schema returns. */
type Parsed<Value> = { success: true; data: Value } | { success: false; error: { issues: { message: string }[] } };

/**
 * Returns the value of an option of a command. If it is wrong, throws a `Refusal` with the sentence that `problems` has for the name of
 * the failure, or with the name.
 */
export function readOrRefuse<Value>(parsed: Parsed<Value>, problems: Record<string, string>): Value {
  if (parsed.success) return parsed.data;
  const { message = "" } = parsed.error.issues[0] ?? {};
  throw new Refusal(problems[message] ?? message);
}
