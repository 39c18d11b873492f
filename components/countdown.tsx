"use client";

import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";

const SECOND_MS = 1000;

/** Minutes and seconds, with hours before them where there are some. */
function format(ms: number): string {
  const seconds = Math.ceil(ms / SECOND_MS);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [first = 0, ...rest] = parts[0] === 0 ? parts.slice(1) : parts;
  return [first, ...rest.map((part) => String(part).padStart(2, "0"))].join(":");
}

/**
 * Time that is left, counted down from what the server said, so that a wrong clock here does no harm. At its end the
 * page is asked for anew, and shows what can be done then. Give it a `key` that changes when the server says anew.
 */
export function Countdown({ ms, hidden = false }: { ms: number; hidden?: boolean }) {
  const [leftMs, setLeftMs] = useState(ms);
  const router = useRouter();
  useEffect(() => {
    const endsAt = performance.now() + ms;
    // Without a network the router would leave the page, and with it what is being typed.
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
  return hidden ? null : <span className="tabular-nums">{format(leftMs)}</span>;
}
