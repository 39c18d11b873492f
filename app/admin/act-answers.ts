import { getTranslations } from "next-intl/server";
import { Reason } from "@/lib/core/administration/acts";
import { REASON_LENGTH_MAX } from "@/lib/core/policy";
import type { ActFormState, ShownOnce } from "./act-form";

/** The name of a problem of an act: a key of the messages `admin.act.problems`. */
type Problem = Parameters<Awaited<ReturnType<typeof getTranslations<"admin.act.problems">>>>[0];

/**
 * Reads the reason of an act's form. Returns it, or null, with the errors of its field; and `refuseAll`, which returns the state for
 * the errors of fields, or of the whole act as `act`, in the page's language. The typed texts stay in the fields.
 */
export async function readForm(state: ActFormState, form: FormData) {
  const t = await getTranslations("admin.act.problems");
  const refuseAll = (errors: Record<string, string>): ActFormState => ({
    typed: Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    errors,
    attempt: (state?.attempt ?? 0) + 1,
  });
  const word = (problem: Problem) => t(problem, { max: REASON_LENGTH_MAX });
  const reason = Reason.safeParse(form.get("reason") ?? "");
  return reason.success
    ? { reason: reason.data, reasonError: {}, refuseAll, word }
    : {
        reason: null,
        reasonError: { reason: word(form.get("reason") ? "reason_too_long" : "reason_missing") },
        refuseAll,
        word,
      };
}

/**
 * Reads the reason of an act's form without further fields. Returns it, or null with the state that shows its problem; and `refuse`,
 * which returns the state for another problem, as `refuseAll` of `readForm` does.
 */
export async function readAct(state: ActFormState, form: FormData) {
  const { reason, reasonError, refuseAll, word } = await readForm(state, form);
  const refuse = (field: string, problem: Problem): ActFormState => refuseAll({ [field]: word(problem) });
  return reason === null ? { reason, again: refuseAll(reasonError) } : { reason, refuse };
}

/** Returns the values of the ticked boxes of a field with `groups`. */
export function readBoxes(form: FormData, name: string): string[] {
  return [...form.keys()].filter((key) => key.startsWith(`${name}.`)).map((key) => key.slice(name.length + 1));
}

/** Returns the state that shows secrets in place of the form, once. */
export async function showOnce(secrets: Omit<ShownOnce, "copy">): Promise<ActFormState> {
  const t = await getTranslations("admin.act.secret");
  const copy = { label: t("copy"), done: t("copied"), failed: t("copyFailed") };
  return { typed: {}, errors: {}, attempt: 0, shown: { ...secrets, copy } };
}
