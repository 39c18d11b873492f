"use server";

import type { Route } from "next";
import { RedirectType, redirect } from "next/navigation";
import { getLocale } from "next-intl/server";
import { sendMailCode, sendPhoneCode } from "@/lib/auth/browser-login";
import { currentRequester } from "@/lib/auth/current-requester";
import { readFormStamp } from "@/lib/auth/form-stamps";
import { logIn } from "@/lib/auth/nextauth";
import { changePendingAuthorization, dropPendingInvite } from "@/lib/auth/pending-authorization";
import { newPendingLogin, type PendingLogin, withIdentity } from "@/lib/auth/pending-login";
import { finishPendingLogin, readPendingLogin, storeInvite, storePendingLogin } from "@/lib/auth/pending-login-cookie";
import { loginPage, pageAfterLogin, ReturnPage } from "@/lib/auth/return-page";
import { type SignIn, signInByEmail, signInByPhone, signInWithVerifiedCode } from "@/lib/core/accounts/sign-in";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import type { Holder } from "@/lib/core/challenges/one-time-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { getSeenInvite } from "@/lib/core/invites/look-up";
import { readPastedText } from "@/lib/core/pasted-text";
import { fail } from "@/lib/core/result";
import type { CodeFormState } from "../code-form";
import type { RecipientFormState } from "../recipient-form";
import { readTypedCodes } from "../typed-codes";
import { type Application, findApplication, findInvite } from "./application";
import { type Identity, loginCode } from "./step";

type IdentityFormState = RecipientFormState<
  `${"phone" | "email"}_${"missing" | "invalid"}` | "code_not_sent" | "budget_spent" | "country_not_allowed"
>;

/** The address of the login's second step, which asks for the code. The page shows an error if no code was sent. */
const codeStep = (returnPage: ReturnPage | null) => loginPage(returnPage, { step: "code" });
/** The address of the login's first step, which asks for the phone or mailbox, even if a code was sent already. */
const identityStep = (returnPage: ReturnPage | null) => loginPage(returnPage, { step: "phone" });

/** The login's first step: sends a code to the typed phone or mailbox and redirects to the second step, also if a code was sent before. */
export async function sendCode(state: IdentityFormState, form: FormData): Promise<IdentityFormState> {
  const typed = { phone: String(form.get("phone") ?? ""), email: String(form.get("email") ?? "") };
  const [phone, email] = [Phone.safeParse(typed.phone), Email.safeParse(typed.email)];
  const errors: NonNullable<IdentityFormState>["errors"] = {
    ...(!phone.success && { phone: readPastedText(typed.phone) ? "phone_invalid" : "phone_missing" }),
    ...(form.has("email") &&
      !email.success && { email: readPastedText(typed.email) ? "email_invalid" : "email_missing" }),
  };
  const attempt = (state?.attempt ?? 0) + 1;
  if (!phone.success || errors.email) return { typed, errors, waitMs: 0, attempt };
  const refusal = await requestCodeFor({ phone: phone.data, email: email.data ?? null }, form);
  if (!refusal || refusal.mayArrive) return redirect(pageAfterRequest(refusal, form), RedirectType.replace);
  const { name, retryAfterMs: waitMs } = refusal;
  return { typed, errors: { form: name }, waitMs, attempt };
}

/** Sends a new code to the same phone or mailbox. A request that is too early is no error: the page shows the remaining wait. */
export async function resendCode(form: FormData): Promise<void> {
  const identity = readIdentity(form);
  const refusal = identity && (await requestCodeFor(identity, form));
  redirect(pageAfterRequest(refusal, form), RedirectType.replace);
}

/** Returns the address of the login's second step, with an error in its query if the code was not sent. */
function pageAfterRequest(refusal: CodeRefusal | null, form: FormData): Route {
  const isSent = refusal?.name !== "code_not_sent" || refusal.mayArrive;
  return loginPage(readReturnPage(form), { step: "code", ...(!isSent && { sent: "no" }) });
}

/** The login's second step: logs in with the typed code. After a refusal, redirects to the page that shows the state of the code. */
export async function enterCode(state: CodeFormState, form: FormData): Promise<CodeFormState> {
  const [identity, returnPage] = [readIdentity(form), readReturnPage(form)];
  if (!identity) return redirect(codeStep(returnPage), RedirectType.replace);
  const application = await findApplication(returnPage);
  // The form says which phone or mailbox the code is for, because another tab may have begun a login with another one.
  const pending = withIdentity(await readPending(), identity);
  const { holder } = pending;
  const invite = findInvite(pending, application);
  const leave = async (changes: Partial<PendingLogin>, page: Route) => {
    await storePendingLogin({ ...pending, ...changes });
    return redirect(page, RedirectType.replace);
  };
  const status = await getCodeStatus(loginCode(identity, pending), await currentRequester());
  if (status?.state !== "live") return leave({}, codeStep(returnPage));
  const { codes, again } = readTypedCodes(form, state, { code: status });
  if (!codes) {
    await storePendingLogin(pending);
    return again;
  }

  const { phone, email } = identity;
  const login = await logIn(async (requester, session) => {
    const seen = invite?.isChecked ? await getSeenInvite(invite.code) : null;
    if (invite?.isChecked && !seen) return fail({ name: "invite_unknown" });
    const uncheckedInvite = invite?.isChecked ? null : invite?.code;
    const attempt = { phone, holder, code: codes.code, invite: seen, uncheckedInvite };
    return email
      ? signInByEmail({ ...attempt, email }, requester, { session })
      : signInByPhone(attempt, requester, { session });
  });
  if (!login.ok) {
    if (login.failure.name === "phone_mismatch")
      return leave({ mismatch: login.failure.phone }, identityStep(returnPage));
    if (login.failure.name === "account_blocked") return leave({ isBlocked: true }, identityStep(returnPage));
    if (login.failure.name !== "invite_unknown") return leave({}, codeStep(returnPage));
    await storePendingLogin(pending);
    await dropInvite(application);
    return redirect(loginPage(returnPage, { step: "code", invitation: "gone" }), RedirectType.replace);
  }
  return goOn(login.value, { pending, returnPage, application });
}

/**
 * Goes on after a login. A new account has activated the invite code. The owner of an existing account is asked first, on the
 * invitation's page. After a login for an application, the browser keeps an invitation that it has accepted, so that its owner can be
 * asked later.
 */
async function goOn(
  { created, invited }: Pick<SignIn, "created" | "invited">,
  {
    pending,
    returnPage,
    application,
  }: { pending: PendingLogin; returnPage: ReturnPage | null; application: Application | null },
): Promise<never> {
  await finishPendingLogin(pending, { invite: application && !created ? pending.invite : null });
  const page =
    invited && !application ? "/profile?done=activated" : pageAfterLogin(returnPage, pending.invite?.code ?? null);
  return redirect(page, RedirectType.replace);
}

/** Logs in with a code that was verified before. The API v1 verifies a code in one step and logs in with it in another. */
export async function logInWithVerifiedCode(form: FormData): Promise<void> {
  const [pending, returnPage] = [await readPending(), readReturnPage(form)];
  const application = await findApplication(returnPage);
  const { phone, holder } = pending;
  const uncheckedInvite = findInvite(pending, application)?.code ?? null;
  const login =
    phone &&
    (await logIn((requester, session) =>
      signInWithVerifiedCode({ phone, holder, uncheckedInvite }, requester, { session }),
    ));
  if (login?.ok) return goOn(login.value, { pending, returnPage, application });
  const isBlocked = login?.failure.name === "account_blocked";
  await storePendingLogin({ ...pending, isBlocked });
  redirect(isBlocked ? identityStep(returnPage) : codeStep(returnPage), RedirectType.replace);
}

/** Removes the invitation that the login page shows, and redirects to the login page. */
export async function dropInvitation(form: FormData): Promise<void> {
  const returnPage = readReturnPage(form);
  await dropInvite(await findApplication(returnPage));
  redirect(loginPage(returnPage), RedirectType.replace);
}

/** Removes the invitation of `findInviteCode`: from the application's request, else from the pending login. */
async function dropInvite(application: Application | null): Promise<void> {
  if (application?.authorization.invite) await dropPendingInvite(application.authorization.id);
  else await storeInvite(null);
}

/** Why no code was sent. With `mayArrive`, the sender gave no clear answer, and the code may still arrive. */
interface CodeRefusal {
  name: "code_not_sent" | "budget_spent" | "country_not_allowed";
  retryAfterMs: number;
  mayArrive?: boolean;
}

/** Requests a login code. Returns null if a code is on its way or an earlier one is still live, else why none was sent. */
async function requestCodeFor(identity: Identity, form: FormData): Promise<CodeRefusal | null> {
  const { phone, email } = identity;
  const application = await findApplication(readReturnPage(form));
  // From now on the page shows the phone that was typed.
  const authorization = application?.authorization;
  if (authorization?.loginHint) await changePendingAuthorization(authorization.id, { loginHint: null });
  const language = await getLocale();
  const stamp = await readFormStamp(form);
  const pending = await readPending(stamp?.holder);
  const page = { pending, askedAt: stamp?.askedAt };
  const sent = await (email ? sendMailCode({ phone, email }, language, page) : sendPhoneCode(phone, language, page));
  if (sent.ok) return null;
  const { failure } = sent;
  switch (failure.name) {
    case "resend_too_early":
      return null;
    case "country_not_allowed":
      return { ...failure, retryAfterMs: 0 };
    case "mail_unavailable":
      return { name: "code_not_sent", retryAfterMs: 0 };
    case "code_not_sent":
      return failure;
    case "budget_spent": {
      const status = await getCodeStatus(loginCode(identity, pending), await currentRequester());
      return status?.state === "live" ? null : failure;
    }
  }
}

/** Reads the pending login, or makes a new one for `holder`. */
async function readPending(holder?: Holder): Promise<PendingLogin> {
  return (await readPendingLogin()) ?? newPendingLogin(holder);
}

/** Reads the page to return to after the login from the form's hidden field. */
function readReturnPage(form: FormData): ReturnPage | null {
  return ReturnPage.safeParse(form.get("next")).data ?? null;
}

function readIdentity(form: FormData): Identity | null {
  const phone = Phone.safeParse(form.get("phone"));
  return phone.success ? { phone: phone.data, email: Email.safeParse(form.get("email")).data ?? null } : null;
}
