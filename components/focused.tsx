"use client";

import { type ReactNode, useEffect, useRef } from "react";

/** A box that takes the focus when it appears, so that screen readers read the result of the last step. */
export function Focused({ children }: { children: ReactNode }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => element.current?.focus(), []);
  return (
    <div className="outline-none" ref={element} role="status" tabIndex={-1}>
      {children}
    </div>
  );
}
