import { NO_ACCOUNT_ID, recordEvent } from "@/lib/core/accounts/audit-log";
import { isTestNumber, isTestNumberWithLock } from "@/lib/core/accounts/test-number-lock";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import { fail, type Result, succeed } from "@/lib/core/result";
import {
  type Queries,
  readPrimary,
  rollBack,
  statement,
  type Transaction,
  transact,
  type Writer,
} from "@/lib/db/database";
import { env } from "@/lib/env";

/** Returns whether an account that has proven this phone is an administrator: by `ADMIN_PHONES`, or by `addAdministrator`. */
export async function isAdministratorPhone(phone: Phone): Promise<boolean> {
  return (
    env.ADMIN_PHONES.includes(phone) || (await readPrimary.administrator.findUnique({ where: { phone } })) !== null
  );
}

const FIND_ABLE = statement({
  params: { userId: "integer" },
  row: { phone: "text?", isAdded: "boolean" },
  sql: `
    SELECT "phone", EXISTS (SELECT 1 FROM "Administrator" WHERE "Administrator"."phone" = "User"."phone") AS "isAdded"
    FROM "User" WHERE "id" = :userId AND "blockedAt" IS NULL AND "isTest" = FALSE`,
});

/** Returns whether the account is there, is not blocked, and has an administrator's phone. */
export async function isAdministratorAccount(db: Queries, userId: number): Promise<boolean> {
  const found = await db.get(FIND_ABLE, { userId });
  return found?.phone != null && (found.isAdded || env.ADMIN_PHONES.includes(found.phone));
}

const LIST_MAILBOXES = statement({
  params: { phones: "text" },
  row: { email: "text" },
  sql: {
    sqlite: listMailboxes('SELECT "value" FROM json_each(:phones)'),
    postgresql: listMailboxes("SELECT jsonb_array_elements_text(CAST(:phones AS jsonb))"),
  },
});
function listMailboxes(phones: string): string {
  return `
    SELECT "email" FROM "User"
    WHERE "phone" IN (${phones} UNION SELECT "phone" FROM "Administrator")
      AND "email" IS NOT NULL AND "blockedAt" IS NULL AND "isTest" = FALSE`;
}

/** Returns the mailboxes of all administrators who have an account with one. */
export async function listAdministratorMailboxes(): Promise<Email[]> {
  const rows = await readPrimary.all(LIST_MAILBOXES, { phones: JSON.stringify(env.ADMIN_PHONES) });
  return rows.map(({ email }) => email as Email);
}

/**
 * Returns the phones of all administrators: those of `ADMIN_PHONES` first, then the added ones with the time of adding. `isTest` says
 * that a phone of `ADMIN_PHONES` is a test number, whose account is no administrator: see `asAdministrator`.
 */
export async function listAdministrators(): Promise<{ phone: Phone; addedAt: Date | null; isTest: boolean }[]> {
  const added = await readPrimary.administrator.findMany({ orderBy: { addedAt: "asc" } });
  const configured = env.ADMIN_PHONES.map(async (one) => {
    const phone = one as Phone;
    return { phone, addedAt: null, isTest: await isTestNumber(readPrimary, phone) };
  });
  const others = added.map(({ phone, addedAt }) => ({ phone: phone as Phone, addedAt, isTest: false }));
  return [...(await Promise.all(configured)), ...others];
}

const ADD_ADMINISTRATOR = statement({
  params: { phone: "text", now: "time" },
  sql: `INSERT INTO "Administrator" ("phone", "addedAt") VALUES (:phone, :now) ON CONFLICT ("phone") DO NOTHING`,
});

const REMOVE_ADMINISTRATOR = statement({
  params: { phone: "text" },
  sql: `DELETE FROM "Administrator" WHERE "phone" = :phone`,
});

const CLOSE_CONSOLES = statement({
  params: { phone: "text" },
  sql: `UPDATE "Session" SET "consoleAt" = NULL WHERE "userId" IN (SELECT "id" FROM "User" WHERE "phone" = :phone)`,
});

const LIST_ADDED = statement({
  params: {},
  row: { phone: "text" },
  sql: `SELECT "phone" FROM "Administrator"`,
});

/** Finds the blocked account, or the test number, that has this phone: neither is an administrator. */
const FIND_UNABLE = statement({
  params: { phone: "text" },
  row: { id: "integer" },
  sql: `
    SELECT "id" FROM "User" WHERE "phone" = :phone AND "blockedAt" IS NOT NULL
    UNION ALL SELECT "id" FROM "TestNumber" WHERE "phone" = :phone`,
});

const FIND_ACCOUNT_BY_PHONE = statement({
  params: { phone: "text" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "User" WHERE "phone" = :phone`,
});

/** Changes run one after the other on all servers, so that parallel removals can't remove the last administrators. */
const ONE_AFTER_THE_OTHER = { lock: "administrators" } as const;

/**
 * Makes the phone an administrator's, from the next request on. The command line calls it, so the audit log names no account
 * as the actor. Fails with `administrator_known`, or with `phone_test` for a test number.
 */
export function addAdministrator(
  phone: Phone,
  now = new Date(),
): Promise<Result<null, { name: "administrator_known" | "phone_test" }>> {
  return transact(async (tx) => {
    // `makeTestNumber` takes the same lock.
    if (await isTestNumberWithLock(tx, phone)) return fail({ name: "phone_test" });
    const isAdded = !env.ADMIN_PHONES.includes(phone) && (await tx.run(ADD_ADMINISTRATOR, { phone, now })) > 0;
    if (!isAdded) return fail({ name: "administrator_known" });
    await recordByCommandLine(tx, "administrator_added", phone, now);
    return succeed(null);
  }, ONE_AFTER_THE_OTHER);
}

type Removed = Result<null, { name: "administrator_unknown" | "administrator_configured" | "administrator_last" }>;

/**
 * Undoes `addAdministrator`, from the next request on.
 *
 * Failures:
 * - `administrator_unknown`: the phone is no administrator's.
 * - `administrator_configured`: the phone is one of `ADMIN_PHONES`, which only the operator changes.
 * - `administrator_last`: there would be no administrator whose account is neither blocked nor a test number's. A phone without an
 *   account counts as one that remains.
 */
export function removeAdministrator(phone: Phone, now = new Date()): Promise<Removed> {
  return transact<Removed>(async (tx) => {
    if (env.ADMIN_PHONES.includes(phone)) return fail({ name: "administrator_configured" });
    if ((await tx.run(REMOVE_ADMINISTRATOR, { phone })) === 0) return fail({ name: "administrator_unknown" });
    const left = [...env.ADMIN_PHONES, ...(await tx.all(LIST_ADDED, {})).map((one) => one.phone)];
    const unable = await Promise.all(left.map((one) => tx.get(FIND_UNABLE, { phone: one })));
    if (unable.every((account) => account !== undefined)) return rollBack(fail({ name: "administrator_last" }));
    // Otherwise the console would be open if the administrator is added again soon.
    await tx.run(CLOSE_CONSOLES, { phone });
    await recordByCommandLine(tx, "administrator_removed", phone, now);
    return succeed(null);
  }, ONE_AFTER_THE_OTHER);
}

/**
 * Undoes `addAdministrator` for a phone that leaves its account, because the number's next owner must not become an
 * administrator. The last administrator may leave this way as well; the command line can add another one.
 */
export async function dropAdministrator(tx: Writer, phone: string | null): Promise<void> {
  if (phone !== null) await tx.administrator.deleteMany({ where: { phone } });
}

async function recordByCommandLine(
  tx: Transaction,
  action: "administrator_added" | "administrator_removed",
  phone: Phone,
  now: Date,
): Promise<void> {
  const account = await tx.get(FIND_ACCOUNT_BY_PHONE, { phone });
  const actor = { actorKind: "command_line", actorId: NO_ACCOUNT_ID } as const;
  recordEvent(tx, { action, ...actor, subjectId: account?.id ?? null, now });
}
