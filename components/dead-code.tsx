import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { FieldError } from "./field-error";

/** Why a code can't be used any more. */
export const DEAD_CODE_SENTENCES = {
  spent: "codeSpent",
  expired: "codeExpired",
  outgrown: "codeOutgrown",
  used: "codeUsed",
} as const;

interface Code {
  state: keyof typeof DEAD_CODE_SENTENCES | "live" | "verified";
}

/** Whether only a new code leads on. */
export function isDead({ state }: Code): boolean {
  return state in DEAD_CODE_SENTENCES;
}

/** Says why a code is dead, of several with the label of its field; nothing of one that isn't. */
export async function DeadCode({ code: { state }, id, label }: { code: Code; id: string; label?: ReactNode }) {
  const t = await getTranslations("login");
  if (state === "live" || state === "verified") return null;
  return (
    <FieldError id={id}>
      {label && <span className="block font-semibold">{label}</span>}
      {t(DEAD_CODE_SENTENCES[state])}
    </FieldError>
  );
}
