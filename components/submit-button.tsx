"use client";

import { useState } from "react";
import { useFormStatus } from "react-dom";
import { FieldError } from "./field-error";

/**
 * The submit button of a form. While the form is being sent it shows `pending` and doesn't send it again. With `offline`, it
 * doesn't send the form without a network and shows that sentence instead. `quiet` gives it an outline instead of a filling.
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
          const isDisconnected = offline !== undefined && !navigator.onLine;
          setIsOffline(isDisconnected);
          if (isPending || isDisconnected) event.preventDefault();
        }}
        type="submit"
      >
        {isPending ? pending : children}
      </button>
      {isOffline && offline && <FieldError id="offline">{offline}</FieldError>}
    </>
  );
}
