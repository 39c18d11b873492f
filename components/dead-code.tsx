import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { FieldError } from "./field-error";

interface Code {
  state: "live" | "verified" | "spent" | "expired" | "outgrown" | "used";
}

/** Whether only a new code leads on. */
export function isDead({ state }: Code): boolean {
  return state !== "live" && state !== "verified";
}

/** Says why a code is dead, of several with the label of its field; nothing of one that isn't. */
export async function DeadCode({ code: { state }, id, label }: { code: Code; id: string; label: ReactNode }) {
  const t = await getTranslations("code");
  if (state === "live" || state === "verified") return null;
  return (
    <FieldError id={id}>
      {label && <span className="block font-semibold">{label}</span>}
      {t(state)}
    </FieldError>
  );
}
