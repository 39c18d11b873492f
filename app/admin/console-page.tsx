import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { type ConsolePath, consoleEntry, currentConsoleAccess, type OpenConsole } from "@/lib/auth/console";
import { countOpenSignals } from "@/lib/core/administration/signal-list";
import NotFound, { generateMetadata as describeNotFound } from "../not-found";
import { answerNotFound } from "../page-refusals";
import { submitSearch } from "./actions";

/** The pages of the section for what other systems use. */
const DEVELOPER_PAGES = [
  { name: "clients", href: "/admin/clients" },
  { name: "webhooks", href: "/admin/webhooks" },
  { name: "keys", href: "/admin/keys" },
  { name: "test-numbers", href: "/admin/test-numbers" },
] as const;

/** The sections of the console, in the order of its navigation. One with pages leads to the first of them. */
const SECTIONS = [
  { name: "today", href: "/admin" },
  { name: "people", href: "/admin/people" },
  { name: "deliveries", href: "/admin/deliveries" },
  { name: "referrals", href: "/admin/referrals" },
  { name: "signals", href: "/admin/signals" },
  { name: "audit", href: "/admin/audit" },
  { name: "developers", href: DEVELOPER_PAGES[0].href, pages: DEVELOPER_PAGES },
  { name: "settings", href: "/admin/settings" },
] as const;
type Section =
  | Exclude<(typeof SECTIONS)[number], { pages: unknown }>["name"]
  | (typeof DEVELOPER_PAGES)[number]["name"];

/**
 * Renders a page of the admin console. A request that is not an administrator's gets the page of an unknown address. An
 * administrator whose console is closed is redirected to the page for its codes, and then back to `path`. `render` returns the
 * content below the navigation; null answers as an unknown address.
 */
export async function renderConsolePage(
  { section, path }: { section: Section; path: ConsolePath },
  render: (open: OpenConsole) => Promise<ReactNode | null>,
): Promise<ReactNode> {
  const access = await currentConsoleAccess();
  if (access && !access.administrator) redirect(consoleEntry(path));
  const content = access?.administrator && (await render({ ...access, administrator: access.administrator }));
  if (content) return <Frame section={section}>{content}</Frame>;
  answerNotFound();
  return <NotFound />;
}

/** Returns the metadata of a page of the console; for strangers that of an unknown address. */
export async function describeConsolePage(title: string): Promise<Metadata> {
  const robots = { index: false };
  return (await currentConsoleAccess()) ? { title, robots } : { ...(await describeNotFound()), robots };
}

const TAB =
  "inline-flex min-h-11 items-center border-transparent border-b-2 text-soft aria-[current]:border-red aria-[current]:font-bold aria-[current]:text-ink";

async function Frame({ section, children }: { section: Section; children: ReactNode }) {
  const [t, openSignals] = await Promise.all([getTranslations("admin"), countOpenSignals()]);
  const pages = DEVELOPER_PAGES.some(({ name }) => name === section) ? DEVELOPER_PAGES : [];
  return (
    <div className="text-[1rem]" data-console>
      <div className="mb-6 flex flex-col gap-x-6 gap-y-2 xl:flex-row-reverse xl:items-center xl:justify-between">
        <form action={submitSearch} className="flex shrink-0 gap-2 xl:w-[330px]">
          <label className="sr-only" htmlFor="term">
            {t("search.label")}
          </label>
          <input
            autoComplete="off"
            className="field h-12 min-w-0 flex-1 text-small"
            enterKeyHint="search"
            id="term"
            maxLength={200}
            name="term"
            placeholder={t("search.placeholder")}
            required
            type="search"
          />
          <button className="button-quiet w-auto px-4" type="submit">
            {t("search.submit")}
          </button>
        </form>
        <nav aria-label={t("navigation")} className="-mx-5 overflow-x-auto px-5 xl:mx-0 xl:px-0">
          <ul className="flex gap-x-6 whitespace-nowrap xl:gap-x-5">
            {SECTIONS.map(({ name, href }) => (
              <li key={name}>
                <Link
                  aria-current={
                    name === section ? "page" : name === "developers" && pages.length > 0 ? "true" : undefined
                  }
                  className={TAB}
                  href={href}
                >
                  {t(`sections.${name}`)}
                  {name === "signals" && openSignals > 0 && (
                    <span className="relative ml-1.5 rounded-full bg-red px-1.5 font-semibold text-on-red text-small tabular-nums">
                      <span aria-hidden="true">{openSignals}</span>
                      <span className="sr-only">{t("signals.open", { count: openSignals })}</span>
                    </span>
                  )}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
      </div>
      {pages.length > 0 && (
        <nav aria-label={t("sections.developers")} className="-mx-5 mb-6 overflow-x-auto px-5 xl:mx-0 xl:px-0">
          <ul className="flex gap-x-6 whitespace-nowrap border-line border-b text-small">
            {pages.map(({ name, href }) => (
              <li key={name}>
                <Link aria-current={name === section ? "page" : undefined} className={TAB} href={href}>
                  {t(`sections.${name}`)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
      )}
      {children}
    </div>
  );
}
