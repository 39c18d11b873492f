import type { Route } from "next";
import { notFound, redirect } from "next/navigation";
import { cache } from "react";
import { z } from "zod";
import type { Administrator } from "@/lib/core/administration/actor";
import { type ConsoleAccess, getConsoleAccess } from "@/lib/core/administration/console-access";
import type { Session } from "@/lib/core/sessions/sessions";
import { currentSession } from "./nextauth";

/**
 * A page of the admin console, as the address of the page for its codes names it (`/admin/enter?next=/admin/people/42`), with the
 * filter of a list as its query.
 */
export const ConsolePath = z.templateLiteral(["/admin", z.string().regex(/^(\/[\w-]+){0,4}(\?[\w%=&.+-]*)?$/)]);
export type ConsolePath = z.output<typeof ConsolePath>;

/** The address of the page that asks for the console's codes, and goes on to `next` when they are right. */
export function consoleEntry(next: ConsolePath): Route {
  return `/admin/enter?next=${encodeURIComponent(next)}` as Route;
}

/** Returns what this request's session may do in the console, read once for all parts of a page; null for strangers. */
export const currentConsoleAccess = cache(async (): Promise<ConsoleAccess | null> => {
  const session = await currentSession();
  return session && getConsoleAccess(session);
});

/** An administrator's open console. */
export interface OpenConsole {
  session: Session;
  administrator: Administrator;
}

/**
 * For server actions: returns the open console of this request. Answers strangers as any unknown address (`notFound`). Redirects
 * an administrator to the page for the codes if the console is closed.
 */
export async function requireConsole(next: ConsolePath): Promise<OpenConsole> {
  const { session, administrator } = (await currentConsoleAccess()) ?? notFound();
  return administrator ? { session, administrator } : redirect(consoleEntry(next));
}
