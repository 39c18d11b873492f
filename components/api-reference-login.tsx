"use client";

import { useEffect, useState } from "react";

/** What Swagger UI keeps at the page that it opened this window from, while a login runs here. */
interface WaitingLogin {
  state: string;
  redirectUrl: string;
  auth: { name: string; code?: string | undefined };
  callback: (answer: { auth: WaitingLogin["auth"]; redirectUrl: string }) => void;
  errCb: (error: { authId: string; source: "auth"; level: "error"; message: string }) => void;
}

type Opener = Window & { swaggerUIRedirectOauth2?: WaitingLogin | undefined };

/** Returns the page that opened this window, or null if it was opened by another site or by no page. */
function findOpener(): Opener | null {
  const opener: Opener | null = window.opener;
  try {
    return opener?.location.origin === location.origin ? opener : null;
  } catch (error) {
    // Browsers throw this when a script reads the address of a page of another origin.
    if (error instanceof DOMException && error.name === "SecurityError") return null;
    throw error;
  }
}

/** Takes the login that the reference waits for. Returns null if it waits for none, or for one with another `state`. */
function takeWaitingLogin(state: string | null): WaitingLogin | null {
  const opener = findOpener();
  const waiting = opener?.swaggerUIRedirectOauth2;
  if (!waiting || waiting.state !== state) return null;
  delete opener.swaggerUIRedirectOauth2;
  return waiting;
}

/**
 * Hands the answer to a login, which is in this page's address, to the reference that began it in another window, and closes this
 * window. Swagger UI's own page for this has an inline script, which our content security policy refuses. Shows `lost` if no
 * reference waits for this answer.
 */
export function ApiReferenceLogin({ lost }: { lost: string }) {
  const [isLost, setIsLost] = useState(false);

  useEffect(() => {
    const answer = new URLSearchParams(location.search);
    const waiting = takeWaitingLogin(answer.get("state"));
    if (!waiting) return setIsLost(true);
    const { auth, redirectUrl } = waiting;
    const code = answer.get("code");
    if (code !== null) waiting.callback({ auth: Object.assign(auth, { code }), redirectUrl });
    else
      waiting.errCb({
        ...{ authId: auth.name, source: "auth", level: "error" },
        message: `${answer.get("error")}: ${answer.get("error_description")}`,
      });
    window.close();
  }, []);

  return (
    <p className="mt-5 min-h-[1.5em]" role="status">
      {isLost && lost}
    </p>
  );
}
