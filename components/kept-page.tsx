"use client";

import { usePathname, useSearchParams } from "next/navigation";
import { useEffect, useRef } from "react";

/**
 * Keeps personal data out of the browser's back/forward cache, which shows a page that a person goes back to as they left it.
 * The server's headers say whether the page that was loaded may be kept. They don't speak of the pages that Next.js has put in its
 * place since. After such a change, and after a form, the page is hidden when the person leaves it, and loaded again when they
 * come back.
 */
export function KeptPage() {
  const address = `${usePathname()}?${useSearchParams()}`;
  const loaded = useRef(address);
  const isChanged = useRef(false);
  useEffect(() => {
    if (address !== loaded.current) isChanged.current = true;
  }, [address]);
  useEffect(() => {
    const root = document.documentElement;
    const change = () => {
      isChanged.current = true;
    };
    const leave = () => {
      root.hidden = isChanged.current;
    };
    const comeBack = () => {
      if (root.hidden) location.reload();
    };
    document.addEventListener("submit", change);
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", comeBack);
    return () => {
      document.removeEventListener("submit", change);
      window.removeEventListener("pagehide", leave);
      window.removeEventListener("pageshow", comeBack);
    };
  }, []);
  return null;
}
