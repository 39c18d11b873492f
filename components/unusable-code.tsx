import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { FieldError } from "./field-error";

interface Code {
  state: "live" | "verified" | "spent" | "expired" | "outgrown" | "used";
}

/** Whether a code can't be used any more, so that a new one is needed. */
export function isUnusable({ state }: Code): boolean {
  return state !== "live" && state !== "verified";
}

/** Says why a code can't be used any more, below `label` if there are several codes. Renders nothing for a usable code. */
export async function UnusableCode({ code: { state }, id, label }: { code: Code; id: string; label: ReactNode }) {
  const t = await getTranslations("code");
  if (state === "live" || state === "verified") return null;
  return (
    <FieldError id={id}>
      {label && <span className="block font-semibold">{label}</span>}
      {t(state)}
    </FieldError>
  );
}
