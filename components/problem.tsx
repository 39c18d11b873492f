import type { ReactNode } from "react";
import { FieldError } from "./field-error";

/** What went wrong with the last step, above the form that it is about. */
export function Problem({ id, children }: { id: string; children: ReactNode }) {
  return (
    <div className="mb-6">
      <FieldError id={id}>{children}</FieldError>
    </div>
  );
}
