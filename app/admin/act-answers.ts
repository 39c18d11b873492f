import { getTranslations } from "next-intl/server";
import { Reason } from "@/lib/core/administration/acts";
import { REASON_LENGTH_MAX } from "@/lib/core/policy";
import type { ActFormState } from "./act-form";

/** The name of a problem of an act: a key of the messages `admin.act.problems`. */
type Problem = Parameters<Awaited<ReturnType<typeof getTranslations<"admin.act.problems">>>>[0];

/**
 * Reads the reason of an act's form. Returns it, or null with the state that shows its problem; and `refuse`, which returns the state
 * for another problem: the error of a field, or with `act` of the whole act. The typed texts stay in the fields.
 */
export async function readAct(state: ActFormState, form: FormData) {
  const t = await getTranslations("admin.act.problems");
  const refuse = (field: string, problem: Problem): ActFormState => ({
    typed: Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    errors: { [field]: t(problem, { max: REASON_LENGTH_MAX }) },
    attempt: (state?.attempt ?? 0) + 1,
  });
  const reason = Reason.safeParse(form.get("reason"));
  if (reason.success) return { reason: reason.data, refuse };
  return { reason: null, again: refuse("reason", form.get("reason") ? "reason_too_long" : "reason_missing") };
}
