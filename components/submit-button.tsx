"use client";

import { useState } from "react";
import { useFormStatus } from "react-dom";
import { FieldError } from "./field-error";

/**
 * A form's button, which says what is going on while the form is on its way and can't send it twice. With words for it,
 * it keeps the form here while there is no network, and says so.
 */
export function SubmitButton({
  children,
  pending,
  offline,
  quiet = false,
}: {
  children: string;
  pending: string;
  offline?: string;
  quiet?: boolean;
}) {
  const { pending: isPending } = useFormStatus();
  const [isOffline, setIsOffline] = useState(false);
  return (
    <>
      <button
        aria-disabled={isPending}
        className={quiet ? "button-quiet" : "button"}
        onClick={(event) => {
          const isCut = offline !== undefined && !navigator.onLine;
          setIsOffline(isCut);
          if (isPending || isCut) event.preventDefault();
        }}
        type="submit"
      >
        {isPending ? pending : children}
      </button>
      {isOffline && offline && <FieldError id="offline">{offline}</FieldError>}
    </>
  );
}
