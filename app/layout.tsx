import type { Metadata, Viewport } from "next";
import Link from "next/link";
import { getLocale, getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { Band } from "@/components/band";
import { KeptPage } from "@/components/kept-page";
import { LanguageSwitch } from "@/components/language-switch";
import { Notice } from "@/components/notice";
import { env, IS_PREVIEW } from "@/lib/env";
import { switchLanguage } from "./actions";
import "./globals.css";

export const viewport: Viewport = {
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f6f0e4" },
    { media: "(prefers-color-scheme: dark)", color: "#161210" },
  ],
};

export async function generateMetadata(): Promise<Metadata> {
  const [t, locale] = await Promise.all([getTranslations(), getLocale()]);
  return {
    metadataBase: new URL(env.APP_URL),
    title: { default: t("brand"), template: `%s · ${t("brand")}` },
    description: t("description"),
    applicationName: t("brand"),
    icons: {
      icon: [
        { url: "/favicon.ico", sizes: "16x16 32x32 48x48" },
        { url: "/icon.svg", type: "image/svg+xml", sizes: "any" },
      ],
      apple: "/apple-touch-icon.png",
    },
    // Few browsers know a manifest's translations, so each language has a manifest. The same `id` makes them one application.
    manifest: `/${locale}.webmanifest`,
    // Browsers must not turn phones on these pages into links for calls.
    formatDetection: { telephone: false },
  };
}

export default async function RootLayout({ children }: { children: ReactNode }) {
  const [t, locale] = await Promise.all([getTranslations(), getLocale()]);
  return (
    <html lang={locale}>
      <body className="group/page">
        <KeptPage />
        <a
          className="sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-10 focus:rounded-card focus:bg-card focus:px-4 focus:py-3 focus:outline-offset-0"
          href="#content"
        >
          {t("header.skip")}
        </a>
        <Band />
        <header className="mx-auto flex max-w-page flex-wrap group-has-[[data-console]]/page:max-w-console items-baseline justify-between gap-x-4 px-5 pt-4">
          <Link
            aria-label={t("header.home")}
            className="inline-flex min-h-11 items-center font-bold text-title tracking-heading"
            href="/"
          >
            {t("brand")}
          </Link>
          <LanguageSwitch action={switchLanguage} current={locale} label={t("header.language")} />
          {IS_PREVIEW && (
            <div className="basis-full">
              <Notice>{t("header.preview")}</Notice>
            </div>
          )}
        </header>
        <main
          className="mx-auto max-w-page px-5 pt-8 pb-20 group-has-[[data-console]]/page:max-w-console group-has-[[data-console]]/page:pt-2 sm:pt-10"
          id="content"
          tabIndex={-1}
        >
          {children}
        </main>
      </body>
    </html>
  );
}
