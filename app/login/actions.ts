"use server";

import { headers } from "next/headers";
import { RedirectType, redirect } from "next/navigation";
import { maySeeCodes } from "@/lib/auth/callers";
import { logIn } from "@/lib/auth/nextauth";
import { readPendingLogin, updatePendingLogin } from "@/lib/auth/pending-login";
import { getCodeStatus, requestCode } from "@/lib/core/login";
import { OneTimeCode } from "@/lib/core/one-time-code";
import { Phone } from "@/lib/core/phone";

/**
 * What a form shows again after input that can't be used: what is wrong, and how many times in a row, so that the same
 * error is told anew each time.
 */
export type PhoneFormState = {
  typed: string;
  error: "phone_missing" | "phone_invalid" | "code_not_sent";
  attempt: number;
} | null;
export type CodeFormState = { typed: string; error: "code_malformed"; attempt: number } | null;

/** Says that a code should be there to be typed, so that the page can tell when it finds none. */
const CODE_STEP = "/login?step=code";

/** First step: sends a code to the phone that was typed, or leads to the one that is on its way already. */
export async function sendCode(state: PhoneFormState, form: FormData): Promise<PhoneFormState> {
  const typed = String(form.get("phone") ?? "");
  const attempt = (state?.attempt ?? 0) + 1;
  const phone = Phone.safeParse(typed);
  if (!phone.success) return { typed, error: typed.trim() ? "phone_invalid" : "phone_missing", attempt };
  const isSent = await requestCodeFor(phone.data);
  return isSent ? redirect(CODE_STEP, RedirectType.replace) : { typed, error: "code_not_sent", attempt };
}

/** Sends a new code to the same phone. Too early is no error: the page shows how long is left. */
export async function resendCode(form: FormData): Promise<void> {
  const phone = Phone.safeParse(form.get("phone"));
  const isSent = phone.success && (await requestCodeFor(phone.data));
  redirect(isSent ? CODE_STEP : `${CODE_STEP}&sent=no`, RedirectType.replace);
}

/** Second step: logs in. Whatever the code turns out to be, the page shows how things stand with it. */
export async function enterCode(state: CodeFormState, form: FormData): Promise<CodeFormState> {
  const phone = Phone.safeParse(form.get("phone"));
  if (!phone.success) return redirect(CODE_STEP, RedirectType.replace);
  // The form names its phone, because another tab may have begun with another one.
  const { invite, asker } = await updatePendingPhone(phone.data);
  const typed = String(form.get("code") ?? "");
  const code = OneTimeCode.safeParse(typed);
  const status = await getCodeStatus({ phone: phone.data, purpose: "login", asker });
  if (status?.state === "live" && code.data?.length !== status.digits) {
    return { typed, error: "code_malformed", attempt: (state?.attempt ?? 0) + 1 };
  }
  if (!code.success) return redirect(CODE_STEP, RedirectType.replace);

  const login = await logIn({ phone: phone.data, code: code.data, invite });
  if (!login.ok) {
    if (login.failure.name !== "invite_unknown") return redirect(CODE_STEP, RedirectType.replace);
    await updatePendingLogin({ invite: null });
    return redirect(`${CODE_STEP}&invitation=gone`, RedirectType.replace);
  }
  // The browser stays the same asker: a code that another tab waits for is still good.
  await updatePendingLogin({ phone: null, invite: null, revealed: null });
  if (!invite) return redirect("/profile", RedirectType.replace);
  // A new account has activated the invite; an older one is asked first.
  return redirect(login.value.created ? "/profile?done=activated" : `/i/${invite}`, RedirectType.replace);
}

/** Goes on without the invitation. */
export async function dropInvitation(): Promise<void> {
  await updatePendingLogin({ invite: null });
  redirect("/login", RedirectType.replace);
}

/** Resolves to whether a code is on its way or was, a moment ago: the wait before the next one is the page's to show. */
async function requestCodeFor(phone: Phone): Promise<boolean> {
  const { asker } = await updatePendingPhone(phone);
  const sent = await requestCode({ phone, purpose: "login", asker });
  if (!sent.ok) return sent.failure.name === "resend_too_early";
  await updatePendingLogin({ revealed: maySeeCodes(await headers()) ? sent.value.revealed : null });
  return true;
}

async function updatePendingPhone(phone: Phone) {
  const pending = await readPendingLogin();
  return updatePendingLogin(pending?.phone === phone ? {} : { phone, revealed: null });
}
