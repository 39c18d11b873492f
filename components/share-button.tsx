"use client";

import { useIsHydrated } from "./hydrated";

/** A list item with a button that opens the device's share sheet. Renders nothing in browsers without one. */
export function ShareButton({ url, text, label }: { url: string; text: string; label: string }) {
  const isHydrated = useIsHydrated();
  if (!isHydrated || !navigator.share) return null;
  return (
    <li>
      <button
        className="button-quiet"
        onClick={() => {
          // The promise is rejected when the person closes the share sheet, which is no error.
          navigator.share({ url, text }).catch(() => undefined);
        }}
        type="button"
      >
        {label}
      </button>
    </li>
  );
}
