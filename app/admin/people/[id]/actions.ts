"use server";

import { notFound } from "next/navigation";
import { requireConsole } from "@/lib/auth/console";
import { showIdentity } from "@/lib/core/administration/people";
import { AccountId } from "@/lib/core/administration/search";
import { formatEmail } from "@/lib/core/identity/email";
import { formatPhone } from "@/lib/core/identity/phone";

/** Returns the account's phone and mailbox in full, for the page to show. The look is recorded. */
export async function showPerson(_shown: string[] | null, form: FormData): Promise<string[] | null> {
  const id = AccountId.safeParse(form.get("id")).data ?? notFound();
  const { administrator } = await requireConsole(`/admin/people/${id}`);
  const found = await showIdentity(administrator, id);
  if (!found.ok) return notFound();
  const { phone, claimedPhone, email } = found.value;
  const shown = phone ?? claimedPhone;
  return [shown && formatPhone(shown), email && formatEmail(email)].filter((text) => text !== null);
}
