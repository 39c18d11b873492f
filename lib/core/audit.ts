import type { Writer } from "@/lib/db/database";

export type AuditAction =
  | "accounts_listed"
  | "account_read"
  | "account_created"
  | "account_changed"
  | "account_deleted";

/** Adds to the record what somebody did, in the transaction that does it. `details` must not say anything of a person. */
export async function recordEvent(
  tx: Writer,
  {
    action,
    actorId,
    subjectId,
    details = {},
    now,
  }: {
    action: AuditAction;
    /** The account of whoever did it. */
    actorId: number;
    /** The account it was done to, null when it is no single one. */
    subjectId: number | null;
    details?: Record<string, string[] | number[]>;
    now: Date;
  },
): Promise<void> {
  await tx.auditEvent.create({ data: { at: now, action, actorId, subjectId, details: JSON.stringify(details) } });
}
