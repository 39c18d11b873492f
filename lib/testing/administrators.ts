import { type Administrator, asAdministrator } from "@/lib/core/administration/accounts";
import { addAdministrator } from "@/lib/core/administration/administrators";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Session } from "@/lib/core/sessions/sessions";
import { anybody, openSession, signUp } from "./people";

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
