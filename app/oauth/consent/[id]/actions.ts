"use server";

import { RedirectType, redirect } from "next/navigation";
import { refusalPage } from "@/lib/auth/authorization-pages";
import { currentSession } from "@/lib/auth/nextauth";
import {
  changePendingAuthorization,
  continuePage,
  readPendingAuthorization,
  storeAuthorizationAnswer,
} from "@/lib/auth/pending-authorization";
import { loginPage } from "@/lib/auth/return-page";
import { answerConsent, resumeAuthorization } from "@/lib/core/oauth/authorization-steps";
import { pairwiseSessionId } from "@/lib/core/oauth/subjects";

/** Allows the application what the page showed, and goes on to it with a code. */
export async function allowApplication(form: FormData): Promise<void> {
  await answer(form, { isAllowed: true });
}

/** Goes on to the application without a code. */
export async function denyApplication(form: FormData): Promise<void> {
  await answer(form, { isAllowed: false });
}

/**
 * Stores the answer, and goes on by the route of the next step, which Next.js's router can't show: the page that leads to the
 * application has to be loaded as a document, or the router would insert its meta refresh twice.
 */
async function answer(form: FormData, { isAllowed }: { isAllowed: boolean }): Promise<void> {
  const { pending, session } = await readForm(form);
  const authorization = await resumeAuthorization(pending);
  // Without an answer, the route finds out which step comes before, or that the application was changed.
  if (!authorization) return redirect(continuePage(pending.id), RedirectType.replace);
  const answered = await answerConsent(authorization, session, { isAllowed });
  if (answered.ok) {
    const { name: clientName } = authorization.client;
    await storeAuthorizationAnswer({ id: pending.id, clientName, address: answered.value });
  }
  redirect(continuePage(pending.id), RedirectType.replace);
}

/** Asks for a login with another account, and goes on with the request after it. */
export async function changeAccount(form: FormData): Promise<void> {
  const { pending, session } = await readForm(form);
  const { id, prompts } = pending;
  // The request accepts any session but the one that it arrived with.
  await changePendingAuthorization(id, {
    prompts: prompts.includes("login") ? prompts : [...prompts, "login"],
    sessionIdAtStart: session.id,
  });
  redirect(loginPage(continuePage(id)), RedirectType.replace);
}

/**
 * Reads which request the form is for. If another tab has logged in since, with another account perhaps, goes back to the page, which
 * then shows that account.
 */
async function readForm(form: FormData) {
  const pending = await readPendingAuthorization(String(form.get("id")));
  if (!pending) return redirect(refusalPage("expired"), RedirectType.replace);
  const session = await currentSession();
  if (!session || pairwiseSessionId(session.id, pending.clientId) !== form.get("session"))
    return redirect(continuePage(pending.id), RedirectType.replace);
  return { pending, session };
}
