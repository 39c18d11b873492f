"use server";

import { notFound, RedirectType, redirect } from "next/navigation";
import { getLocale } from "next-intl/server";
import { ConsolePath, consoleEntry, currentConsoleAccess, requireConsole } from "@/lib/auth/console";
import { currentRequester } from "@/lib/auth/current-requester";
import { consoleCodes, openConsole, requestConsoleCodes } from "@/lib/core/administration/console-access";
import { search } from "@/lib/core/administration/search";
import { trySender } from "@/lib/core/administration/sender-trials";
import { getCodeStatuses } from "@/lib/core/challenges/code-pairs";
import { codeOptions, needsNoError } from "../account/code-requests";
import type { CodeFormState } from "../code-form";
import { readTypedCodes, refuseTypedCodes } from "../typed-codes";

/**
 * Finds accounts by the typed text and redirects to the one that was found, or to the list of those that were. Without an account
 * redirects to the recipient that the text names.
 */
export async function submitSearch(form: FormData): Promise<void> {
  const { administrator } = await requireConsole("/admin/people");
  const term = String(form.get("term") ?? "");
  const found = await search(administrator, term);
  if (!found.ok) return redirect("/admin/people?spent");
  const { ids, next, recipient } = found.value;
  if (recipient)
    redirect(recipient.userId ? `/admin/people/${recipient.userId}` : `/admin/recipients/${recipient.hash}`);
  // The typed text may be a phone, so only ids are in the address.
  const more = next === null ? "" : `&next=${next}`;
  redirect(
    ids.length === 1 && next === null ? `/admin/people/${ids[0]}` : `/admin/people?found=${ids.join(".")}${more}`,
  );
}

/** Tries a sender with a message to the administrator's own phone. The page "Today" says what became of it. */
export async function sendTrial(form: FormData): Promise<void> {
  const { administrator } = await requireConsole("/admin");
  const [sender, period] = [String(form.get("sender")), String(form.get("period"))];
  const tried = await trySender(administrator, sender, await currentRequester(), { language: await getLocale() });
  if (!tried.ok && tried.failure.name === "login_too_old") redirect(consoleEntry("/admin"), RedirectType.replace);
  const result = new URLSearchParams({ period, ...(tried.ok ? { tried: sender } : { problem: tried.failure.name }) });
  redirect(`/admin?${result}`, RedirectType.replace);
}

const readNext = (form: FormData) => ConsolePath.safeParse(form.get("next")).data ?? "/admin";

/** Sends the codes that open the console. A request that is too early is no error: the page shows the remaining wait. */
export async function sendConsoleCodes(form: FormData): Promise<void> {
  const access = (await currentConsoleAccess()) ?? notFound();
  const sent = await requestConsoleCodes(access.session, await currentRequester(), await codeOptions(form));
  const page = consoleEntry(readNext(form));
  redirect((needsNoError(sent) ? page : `${page}&problem=not_sent`) as typeof page, RedirectType.replace);
}

/** Opens the console for this session if all codes are right, and goes on to the page that was wanted. */
export async function enterConsoleCodes(state: CodeFormState, form: FormData): Promise<CodeFormState> {
  const { session } = (await currentConsoleAccess()) ?? notFound();
  const next = readNext(form);
  const requester = await currentRequester();
  // The page says why codes can't be used any more.
  const requireLiveCodes = async () => {
    const { statuses } = await getCodeStatuses(await consoleCodes(session), requester);
    const live = Object.entries(statuses).flatMap(([name, status]) =>
      status?.state === "live" ? [[name, status]] : [],
    );
    return live.length === Object.keys(statuses).length
      ? (Object.fromEntries(live) as Record<string, { digits: number }>)
      : redirect(consoleEntry(next), RedirectType.replace);
  };
  const { codes, again } = readTypedCodes(form, state, await requireLiveCodes());
  if (!codes) return again;

  const opened = await openConsole(session, codes, requester);
  if (opened.ok) return redirect(next as "/admin", RedirectType.replace);
  switch (opened.failure.name) {
    case "not_administrator":
      return notFound();
    case "session_over":
      return redirect("/login", RedirectType.replace);
    case "code_refused":
      await requireLiveCodes();
      return refuseTypedCodes(form, state, opened.failure.refused);
  }
}
