import { EventDetails } from "@/lib/core/accounts/audit-log";
import { asAdministrator } from "@/lib/core/administration/accounts";
import type { Administrator } from "@/lib/core/administration/actor";
import { addAdministrator } from "@/lib/core/administration/administrators";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Session } from "@/lib/core/sessions/sessions";
import { readPrimary } from "@/lib/db/database";
import { anybody, openSession, signUp } from "./people";

/** Returns the audit events of an account, the newest first, with all of their details. */
export async function readEvents(userId: number) {
  const rows = await readPrimary.auditEvent.findMany({ where: { subjectId: userId }, orderBy: { id: "desc" } });
  return rows.map((row) => ({ ...row, details: EventDetails.parse(JSON.parse(row.details)) }));
}

/** Signs a new person up, makes them an administrator, and opens a session by a code to their phone. */
export async function freshAdministrator(
  now = new Date(),
): Promise<Awaited<ReturnType<typeof signUp>> & { session: Session; administrator: Administrator }> {
  const person = await signUp({ now });
  await addAdministrator(person.phone, now);
  const proven = phoneRecipient(person.phone);
  const session = await openSession({ userId: person.userId, proven }, anybody(), now);
  const found = await asAdministrator(session);
  if (!found.ok) throw new Error(found.failure.name);
  return { ...person, session, administrator: found.value };
}
