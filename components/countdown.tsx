"use client";

import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";

const SECOND_MS = 1000;

/** Formats a duration as `2:05`, or `1:02:05` from an hour on. */
function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / SECOND_MS);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [first = 0, ...rest] = parts[0] === 0 ? parts.slice(1) : parts;
  return [first, ...rest.map((part) => String(part).padStart(2, "0"))].join(":");
}

/**
 * Counts down the `ms` milliseconds that the server sent, without reading the browser's clock, which may be wrong. At the end it
 * reloads the page's content. Give it a `key` that changes with each response of the server. With `hidden` it shows nothing.
 */
export function Countdown({ ms, hidden = false }: { ms: number; hidden?: boolean }) {
  const [leftMs, setLeftMs] = useState(ms);
  const router = useRouter();
  useEffect(() => {
    const endsAt = performance.now() + ms;
    // Without a network the router would leave the page, and what the person is typing would be lost.
    const refresh = () => {
      if (navigator.onLine) router.refresh();
      else window.addEventListener("online", refresh, { once: true });
    };
    const timer = setInterval(() => {
      const left = Math.max(0, endsAt - performance.now());
      setLeftMs(left);
      if (left > 0) return;
      clearInterval(timer);
      refresh();
    }, SECOND_MS / 4);
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", refresh);
    };
  }, [ms, router]);
  return hidden ? null : <span className="tabular-nums">{formatDuration(leftMs)}</span>;
}
