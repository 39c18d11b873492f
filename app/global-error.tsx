"use client";

import { Band } from "@/components/band";
import outage from "@/messages/outage.json" with { type: "json" };
import "./globals.css";

/** Shown when the layout of all pages fails. The language is not known then, so the text is in both languages. */
export default function GlobalErrorPage({ retry }: { retry: () => void }) {
  return (
    <html lang="ru">
      <body>
        <title>{`${outage.ru.title} · ${outage.en.title}`}</title>
        <Band />
        <main className="mx-auto grid max-w-login gap-10 px-5 py-16">
          {Object.entries(outage).map(([locale, words]) => (
            <div key={locale} lang={locale}>
              <h1>{words.title}</h1>
              <p className="mt-4 mb-8 text-soft">{words.lead}</p>
              <button className="button" onClick={retry} type="button">
                {words.retry}
              </button>
            </div>
          ))}
        </main>
      </body>
    </html>
  );
}
