"use client";

import { useEffect, useState } from "react";

const RESULT_SHOWN_MS = 3000;

/** A button that copies `text` to the clipboard and shows `done` or `failed` for three seconds. */
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
  const [result, setResult] = useState<string | null>(null);

  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), RESULT_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [result]);

  const copy = async () => {
    try {
      // Copying fails without HTTPS, where browsers offer no clipboard, and if the person forbids access to it.
      await navigator.clipboard.writeText(text);
      setResult(done);
    } catch {
      setResult(failed);
    }
  };

  return (
    <>
      <button className="button-quiet scripted" onClick={copy} type="button">
        {result ?? label}
      </button>
      <span className="sr-only" role="status">
        {result}
      </span>
    </>
  );
}
