"use server";

import { RedirectType, redirect } from "next/navigation";
import { getLocale } from "next-intl/server";
import { currentSession } from "@/lib/auth/nextauth";
import { currentRequester } from "@/lib/auth/requesters";
import { provePhone, requestPhoneProof } from "@/lib/core/accounts";
import type { CheckCodeFailure } from "@/lib/core/challenges";
import { OneTimeCode } from "@/lib/core/one-time-code";

type CodeError = "missing" | "malformed" | "wrong" | "dead";

/** What is wrong with either code, and how many times in a row. One that may be right stays where it was typed. */
export type ProofFormState = {
  typed: { email: string; phone: string };
  errors: { email?: CodeError; phone?: CodeError };
  attempt: number;
} | null;

const PAGE = "/profile/phone";

/** Sends a code to the mailbox and one to the phone. Too early is no error: the page shows how long is left. */
export async function sendProofCodes(): Promise<void> {
  const session = (await currentSession()) ?? redirect("/login");
  const sent = await requestPhoneProof(session, await currentRequester(), { language: await getLocale() });
  if (sent.ok || ["resend_too_early", "budget_spent"].includes(sent.failure.name)) redirect(PAGE, RedirectType.replace);
  redirect(sent.failure.name === "nothing_to_prove" ? "/profile" : `${PAGE}?sent=no`, RedirectType.replace);
}

/** Proves the phone by both codes. */
export async function enterProofCodes(state: ProofFormState, form: FormData): Promise<ProofFormState> {
  const session = (await currentSession()) ?? redirect("/login");
  const typed = { email: String(form.get("email") ?? ""), phone: String(form.get("phone") ?? "") };
  const attempt = (state?.attempt ?? 0) + 1;
  const [emailCode, phoneCode] = [OneTimeCode.safeParse(typed.email), OneTimeCode.safeParse(typed.phone)];
  if (!emailCode.success || !phoneCode.success) {
    const errors = {
      ...(!emailCode.success && { email: unusable(typed.email) }),
      ...(!phoneCode.success && { phone: unusable(typed.phone) }),
    };
    return { typed, errors, attempt };
  }
  const proven = await provePhone(
    session,
    { emailCode: emailCode.data, phoneCode: phoneCode.data },
    await currentRequester(),
  );
  if (proven.ok) return redirect("/profile?done=proven", RedirectType.replace);
  const { failure } = proven;
  switch (failure.name) {
    case "nothing_to_prove":
      return redirect("/profile", RedirectType.replace);
    case "phone_taken":
      return redirect(`${PAGE}?taken=yes`, RedirectType.replace);
    case "code_refused": {
      const errors = {
        ...(failure.email && { email: refusal(failure.email) }),
        ...(failure.phone && { phone: refusal(failure.phone) }),
      };
      return {
        typed: { email: failure.email ? "" : typed.email, phone: failure.phone ? "" : typed.phone },
        errors,
        attempt,
      };
    }
  }
}

const unusable = (typed: string): CodeError => (typed.trim() ? "malformed" : "missing");
const refusal = ({ name }: CheckCodeFailure): CodeError => (name === "code_wrong" ? "wrong" : "dead");
