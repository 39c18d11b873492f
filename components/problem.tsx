import type { ReactNode } from "react";
import { FieldError } from "./field-error";

/** An error above a form, about the last step. */
export function Problem({ id, children }: { id: string; children: ReactNode }) {
  return (
    <div className="mb-6">
      <FieldError id={id}>{children}</FieldError>
    </div>
  );
}
