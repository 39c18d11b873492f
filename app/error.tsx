"use client";

import { Sheet } from "@/components/sheet";
import outage from "@/messages/outage.json" with { type: "json" };

/** Shown in a page's place when it fails; it can't ask the server for words any more, so they are here from the start. */
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
        {/* A plain link: what broke may be the router's idea of the page. */}
        <a className="link" href="/">
          {words.home}
        </a>
      </p>
    </Sheet>
  );
}
