"use client";

import { useSyncExternalStore } from "react";

const subscribeToNothing = () => () => {};

/** Whether React has hydrated the page: false in the HTML that the server sends, true once scripts run in the browser. */
export function useIsHydrated(): boolean {
  return useSyncExternalStore(
    subscribeToNothing,
    () => true,
    () => false,
  );
}
