"use server";

import { RedirectType, redirect } from "next/navigation";
import { refusalPage } from "@/lib/auth/authorization-pages";
import { currentSession } from "@/lib/auth/nextauth";
import {
  changePendingAuthorization,
  continuePage,
  type PendingAuthorization,
  readPendingAuthorization,
  storeAuthorizationAnswer,
} from "@/lib/auth/pending-authorization";
import { loginPage } from "@/lib/auth/return-page";
import { AuthorizationId } from "@/lib/auth/sealed-authorization";
import {
  type Authorization,
  allowAuthorization,
  denyAuthorization,
  resumeAuthorization,
} from "@/lib/core/oauth/authorization-steps";
import { pairwiseSessionId } from "@/lib/core/oauth/subjects";
import type { Session } from "@/lib/core/sessions/sessions";

/**
 * Allows the application what the page showed, and goes on to it with a code. If the request has to do another step before, or the
 * application was changed, goes on without an answer.
 */
export async function allowApplication(form: FormData): Promise<void> {
  const pending = await readPending(form);
  const session = await readShownSession(pending, form);
  const authorization = await resumeAuthorization(pending);
  if (!authorization) return goOn(pending.id);
  const allowed = await allowAuthorization(authorization, session);
  if (allowed.ok) await storeAnswer(authorization, pending, allowed.value);
  goOn(pending.id);
}

/** Goes on to the application without a code, also if another tab has logged in or allowed the application since. */
export async function denyApplication(form: FormData): Promise<void> {
  const pending = await readPending(form);
  const authorization = await resumeAuthorization(pending);
  if (authorization) await storeAnswer(authorization, pending, denyAuthorization(authorization));
  goOn(pending.id);
}

/** Asks for a login with another account, and goes on with the request after it. */
export async function changeAccount(form: FormData): Promise<void> {
  const pending = await readPending(form);
  const session = await readShownSession(pending, form);
  const { id, prompts } = pending;
  // The request accepts any session but the one that it arrived with.
  await changePendingAuthorization(id, {
    prompts: prompts.includes("login") ? prompts : [...prompts, "login"],
    sessionIdAtStart: session.id,
  });
  redirect(loginPage(continuePage(id)), RedirectType.replace);
}

/**
 * Reads which request the form is for. Goes on by the route if this browser has no such request any more: the first of two presses of
 * a button has answered it, or it is over.
 */
async function readPending(form: FormData): Promise<PendingAuthorization> {
  const id = AuthorizationId.safeParse(form.get("id"));
  if (!id.success) return redirect(refusalPage("expired"), RedirectType.replace);
  return (await readPendingAuthorization(id.data)) ?? goOn(id.data);
}

/**
 * Returns the session that the page showed. If another tab has logged in since, with another account perhaps, goes back to the page,
 * which then shows that account.
 */
async function readShownSession(pending: PendingAuthorization, form: FormData): Promise<Session> {
  const session = await currentSession();
  const isShown = session && pairwiseSessionId(session.firstId, pending.clientId) === form.get("session");
  return isShown ? session : goOn(pending.id);
}

function storeAnswer({ client }: Authorization, { id }: PendingAuthorization, address: string): Promise<void> {
  return storeAuthorizationAnswer({ id, clientName: client.name, address });
}

/**
 * Goes on by the route that finds the next step. Next.js's router can't show that step: the page that leads to the application has to
 * be loaded as a document, or the router would insert its meta refresh twice.
 */
function goOn(id: string): never {
  redirect(continuePage(id), RedirectType.replace);
}
