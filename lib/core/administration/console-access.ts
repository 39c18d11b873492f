import { getOwnProfile } from "@/lib/core/accounts/accounts";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { consumeCodes, requestCodes, verifyCodes } from "@/lib/core/challenges/code-pairs";
import { type ChallengeKey, Holder, type TypedCode } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED, type RequestCodeFailure, type SendingOptions } from "@/lib/core/challenges/request-code";
import type { VerifyCodeFailure } from "@/lib/core/challenges/verify-code";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { CONSOLE_TTL_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { Session } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { asAdministrator } from "./accounts";
import type { Administrator } from "./actor";

/** What a session may do in the admin console. `administrator` is null while the codes for the console must be typed first. */
export interface ConsoleAccess {
  session: Session;
  administrator: Administrator | null;
}

/**
 * Returns what the session may do in the console; null if it is no administrator's, so that the console must look as if it did
 * not exist. The console stays open for `CONSOLE_TTL_MS` after the codes were verified in this session. The administrator's
 * `verifiedAt` is when they were.
 */
export async function getConsoleAccess(session: Session, now = new Date()): Promise<ConsoleAccess | null> {
  const found = await asAdministrator(session);
  if (!found.ok) return null;
  const row = await readPrimary.session.findUnique({ where: { id: session.id }, select: { consoleAt: true } });
  const verifiedAt = row?.consoleAt;
  if (verifiedAt == null || now.getTime() - verifiedAt.getTime() >= CONSOLE_TTL_MS)
    return { session, administrator: null };
  return { session, administrator: { ...found.value, verifiedAt } };
}

/** The challenges whose codes open the console: one for the phone, and one for the mailbox if the account has one. */
export type ConsoleCodes = Record<string, ChallengeKey> & { phone: ChallengeKey };

/** Returns the challenges for this session. Throws `AccountGone`, also if the account has no proven phone any more. */
export async function consoleCodes(session: Pick<Session, "id" | "userId">): Promise<ConsoleCodes> {
  const { phone, email } = await getOwnProfile(session);
  if (!phone) throw new Error("an administrator's account has a proven phone");
  const key = { purpose: "console", holder: Holder.parse(session.id) } as const;
  return {
    phone: { recipient: phoneRecipient(phone), ...key },
    ...(email && IS_MAIL_OFFERED && { email: { recipient: emailRecipient(email), ...key } }),
  };
}

/** Sends the codes that open the console. Fails as `requestCode` does. Throws `AccountGone`. */
export async function requestConsoleCodes(
  session: Session,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestCodeFailure>> {
  return requestCodes(Object.values(await consoleCodes(session)), requester, options);
}

/** The failures of `openConsole`. `refused` has, for each code, its failure, or null if the code was right. */
export type OpenConsoleFailure =
  | { name: "not_administrator" | "session_over" }
  | { name: "code_refused"; refused: Record<string, VerifyCodeFailure | null> };

/**
 * Opens the console for this session after all of its codes are verified, and records that in the audit log.
 *
 * Failures:
 * - `not_administrator`: the session is no administrator's. No attempt is used.
 * - `code_refused`: at least one code is not right.
 * - `session_over`: the session has ended.
 *
 * A returned failure does not roll the transaction back: codes that were marked as used stay used.
 */
export async function openConsole(
  session: Session,
  typed: Record<string, TypedCode>,
  requester: Requester,
  now = new Date(),
): Promise<Result<null, OpenConsoleFailure>> {
  const found = await asAdministrator(session);
  if (!found.ok) return found;
  const codes = await consoleCodes(session);
  const checked = await verifyCodes(codes, typed, requester, now);
  if (!checked.ok) return checked;
  const { id, userId } = session;
  return write(async (tx): Promise<Result<null, OpenConsoleFailure>> => {
    if (!(await consumeCodes(tx, checked.value, now))) {
      const refused = Object.keys(codes).map((name) => [name, { name: "code_expired" as const }]);
      return fail({ name: "code_refused", refused: Object.fromEntries(refused) });
    }
    const { count } = await tx.session.updateMany({ where: { id, userId }, data: { consoleAt: now } });
    if (count === 0) return fail({ name: "session_over" });
    recordEvent(tx, { action: "console_opened", actorKind: "administrator", actorId: userId, subjectId: userId, now });
    return succeed(null);
  });
}
