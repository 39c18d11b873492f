"use server";

import { notFound } from "next/navigation";
import { describeLimit } from "@/app/admin/limit-note";
import { requireConsole } from "@/lib/auth/console";
import { showIdentity } from "@/lib/core/administration/people";
import { AccountId } from "@/lib/core/administration/search";
import { formatEmail } from "@/lib/core/identity/email";
import { formatPhone } from "@/lib/core/identity/phone";

/** What the page shows after the button: the phone and mailbox in full, or why they are not shown. */
export type Shown = { identity: string[]; problem: null } | { identity: null; problem: string } | null;

/** Returns the account's phone and mailbox in full, for the page to show. The look is recorded. */
export async function showPerson(_shown: Shown, form: FormData): Promise<Shown> {
  const id = AccountId.safeParse(form.get("id")).data ?? notFound();
  const { administrator } = await requireConsole(`/admin/people/${id}`);
  const found = await showIdentity(administrator, id);
  if (!found.ok) {
    const { failure } = found;
    if (failure.name === "account_unknown") return notFound();
    return { identity: null, problem: await describeLimit("looks", failure.retryAfterMs) };
  }
  const { phone, claimedPhone, email } = found.value;
  const shown = phone ?? claimedPhone;
  const identity = [shown && formatPhone(shown), email && formatEmail(email)].filter((text) => text !== null);
  return { identity, problem: null };
}
