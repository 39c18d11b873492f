import type { ReactNode } from "react";
import { FieldError } from "./field-error";

/** An error of the last step, such as a code that was not sent, above the form that the step led to. */
export function Problem({ id, children }: { id: string; children: ReactNode }) {
  return (
    <div className="mb-6">
      <FieldError id={id}>{children}</FieldError>
    </div>
  );
}
