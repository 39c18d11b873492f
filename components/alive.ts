"use client";

import { useSyncExternalStore } from "react";

const neverChanges = () => () => {};

/** Whether scripts run here: false in the page as the server sends it, true once it came to life. */
export function useIsAlive(): boolean {
  return useSyncExternalStore(
    neverChanges,
    () => true,
    () => false,
  );
}
