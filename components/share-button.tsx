"use client";

import { useIsAlive } from "./alive";

/** An item of a list that opens the device's own share sheet; there only on devices that have one. */
export function ShareButton({ url, text, label }: { url: string; text: string; label: string }) {
  const isAlive = useIsAlive();
  if (!isAlive || !navigator.share) return null;
  return (
    <li>
      <button
        className="button-quiet"
        onClick={() => {
          // It rejects when the person changes their mind, which is no error.
          navigator.share({ url, text }).catch(() => undefined);
        }}
        type="button"
      >
        {label}
      </button>
    </li>
  );
}
