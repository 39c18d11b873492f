"use client";

import { useEffect, useState } from "react";

const SAID_MS = 3000;

/** Copies `text`, and says for a while how it went. */
export function CopyButton({
  text,
  label,
  done,
  failed,
}: {
  text: string;
  label: string;
  done: string;
  failed: string;
}) {
  const [said, setSaid] = useState<string | null>(null);

  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  const copy = async () => {
    try {
      // There is no clipboard at an address without https, and a person may forbid it.
      await navigator.clipboard.writeText(text);
      setSaid(done);
    } catch {
      setSaid(failed);
    }
  };

  return (
    <>
      <button className="button-quiet scripted" onClick={copy} type="button">
        {said ?? label}
      </button>
      <span className="sr-only" role="status">
        {said}
      </span>
    </>
  );
}
