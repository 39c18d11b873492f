"use server";

import { RedirectType, redirect } from "next/navigation";
import { getLocale } from "next-intl/server";
import { currentSession } from "@/lib/auth/nextauth";
import { provePhone, requestPhoneProof } from "@/lib/core/accounts";
import { Asker, OneTimeCode } from "@/lib/core/one-time-code";

type CodeError = "missing" | "wrong" | "dead";

/** What is wrong with either code, and how many times in a row. The codes themselves are typed anew. */
export type ProofFormState = { email?: CodeError; phone?: CodeError; attempt: number } | null;

const PAGE = "/profile/phone?step=codes";

/** Sends a code to the mailbox and one to the phone. Too early is no error: the page shows how long is left. */
export async function sendProofCodes(): Promise<void> {
  const session = (await currentSession()) ?? redirect("/login");
  const asker = Asker.parse(session.id);
  const sent = await requestPhoneProof({ userId: session.userId, asker }, { language: await getLocale() });
  if (sent.ok || sent.failure.name === "resend_too_early") redirect(PAGE, RedirectType.replace);
  redirect(sent.failure.name === "nothing_to_prove" ? "/profile" : `${PAGE}&sent=no`, RedirectType.replace);
}

/** Proves the phone by both codes. */
export async function enterProofCodes(state: ProofFormState, form: FormData): Promise<ProofFormState> {
  const session = (await currentSession()) ?? redirect("/login");
  const attempt = (state?.attempt ?? 0) + 1;
  const [emailCode, phoneCode] = [OneTimeCode.safeParse(form.get("email")), OneTimeCode.safeParse(form.get("phone"))];
  if (!emailCode.success || !phoneCode.success) {
    return {
      ...(!emailCode.success && { email: "missing" }),
      ...(!phoneCode.success && { phone: "missing" }),
      attempt,
    };
  }
  const asker = Asker.parse(session.id);
  const proven = await provePhone({
    userId: session.userId,
    asker,
    emailCode: emailCode.data,
    phoneCode: phoneCode.data,
  });
  if (proven.ok) return redirect("/profile?done=proven", RedirectType.replace);
  const { failure } = proven;
  switch (failure.name) {
    case "nothing_to_prove":
      return redirect("/profile", RedirectType.replace);
    case "phone_taken":
      return redirect("/profile/phone?taken=yes", RedirectType.replace);
    case "code_refused":
      return {
        ...(failure.email && { email: failure.email.name === "code_wrong" ? "wrong" : "dead" }),
        ...(failure.phone && { phone: failure.phone.name === "code_wrong" ? "wrong" : "dead" }),
        attempt,
      };
  }
}
