"use client";

import { Sheet } from "@/components/sheet";
import outage from "@/messages/outage.json" with { type: "json" };

/** Shown in place of a page that failed to render. Its sentences are part of the script, because the server may be away. */
export default function ErrorPage({ retry }: { retry: () => void }) {
  const words = document.documentElement.lang === "en" ? outage.en : outage.ru;
  return (
    <Sheet>
      <title>{words.title}</title>
      <h1>{words.title}</h1>
      <p className="mt-4 mb-8 text-soft">{words.lead}</p>
      <button className="button" onClick={retry} type="button">
        {words.retry}
      </button>
      <p className="mt-5">
        {/* A plain link, because the fault may be in the router's state. */}
        <a className="link" href="/">
          {words.home}
        </a>
      </p>
    </Sheet>
  );
}
