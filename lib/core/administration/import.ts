import { setTimeout as sleep } from "node:timers/promises";
import { insertAccount } from "@/lib/core/accounts/accounts";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { retryOnUnique } from "@/lib/core/accounts/retry-on-unique";
import { isTestNumber, lockTestNumbersShared } from "@/lib/core/accounts/test-number-lock";
import { publishFirstEvent } from "@/lib/core/events/publish";
import { lockInviters, recordImportedActivation } from "@/lib/core/invites/activation";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { IMPORT_REST_FACTOR, IMPORT_ROWS_PER_BATCH } from "@/lib/core/policy";
import { type Queries, readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import type { ImportOutcome, ImportPlan, ImportResult, ImportRow } from "./import-file";

/** Who imports: the operator at the machine, or an administrator, with the id of the account or `NO_ACCOUNT_ID`. */
export interface Importer {
  actorKind: "command_line" | "administrator";
  actorId: number;
}

const findId = (column: "phone" | "email" | "inviteCode" | "subject") =>
  statement({
    params: { value: "text" },
    row: { id: "integer", isTest: "boolean" },
    sql: `SELECT "id", "isTest" FROM "User" WHERE "${column}" = :value`,
  });
const FIND_BY_PHONE = findId("phone");
const FIND_BY_EMAIL = findId("email");
// Unlike people who activate a code, an import finds the codes of blocked accounts, too.
const FIND_BY_CODE = findId("inviteCode");
const FIND_BY_SUBJECT = findId("subject");

/** Returns the account with the row's phone or, for a row without one, with its mailbox; null if there is none. */
async function findAccountOf(db: Queries, { phone, email }: Pick<ImportRow, "phone" | "email">) {
  const found = phone
    ? await db.get(FIND_BY_PHONE, { value: phone })
    : email && (await db.get(FIND_BY_EMAIL, { value: email }));
  return found || null;
}

/** What a row's values are in the database. */
interface Found {
  /** The account that the row stands for. */
  accountId: number | null;
  isEmailTaken: boolean;
  isCodeTaken: boolean;
  isSubjectTaken: boolean;
  hasTestNumber: boolean;
  inviterId: number | null;
}

async function findValues(db: Queries, row: ImportRow, inviterRow: ImportRow | null): Promise<Found> {
  const [account, byEmail, byCode, bySubject, inviterId, hasTestNumber] = await Promise.all([
    findAccountOf(db, row),
    row.phone && row.email && db.get(FIND_BY_EMAIL, { value: row.email }),
    row.inviteCode && db.get(FIND_BY_CODE, { value: row.inviteCode }),
    row.subject && db.get(FIND_BY_SUBJECT, { value: row.subject }),
    findInviterOf(db, row, inviterRow),
    row.phone !== null && isTestNumber(db, row.phone),
  ]);
  return {
    accountId: account?.id ?? null,
    isEmailTaken: Boolean(byEmail),
    isCodeTaken: Boolean(byCode),
    isSubjectTaken: Boolean(bySubject),
    inviterId,
    hasTestNumber,
  };
}

/** Returns the id of the row's inviter, or null. The account of a test number invites no people. */
async function findInviterOf(
  db: Queries,
  { inviter }: ImportRow,
  inviterRow: ImportRow | null,
): Promise<number | null> {
  if (!inviter) return null;
  const found = inviterRow
    ? await findAccountOf(db, inviterRow)
    : "phone" in inviter
      ? await findAccountOf(db, { phone: inviter.phone, email: null })
      : await db.get(FIND_BY_CODE, { value: inviter.inviteCode });
  return found && !found.isTest ? found.id : null;
}

/**
 * Decides what becomes of a row. `isInviterNew` says whether the inviter's row makes an account in this import, which `found` can't
 * know yet.
 */
function judge(row: ImportRow, found: Found, inviterRow: ImportRow | null, isInviterNew: boolean): ImportResult {
  if (found.hasTestNumber) return "test_number";
  if (found.accountId !== null) return "exists";
  if (found.isEmailTaken) return "email_taken";
  if (found.isCodeTaken) return "invite_code_taken";
  if (found.isSubjectTaken) return "subject_taken";
  if (!row.inviter || found.inviterId !== null || isInviterNew) return "new";
  return inviterRow ? "inviter_refused" : "inviter_unknown";
}

/** A row of the plan, its place there, its inviter's place and row, or null. */
interface Place {
  at: number;
  row: ImportRow;
  inviterAt: number | null;
  inviterRow: ImportRow | null;
}

/** The results of rows that were checked or imported before, by their lines. */
export type KnownResults = ReadonlyMap<number, ImportResult>;

/** Yields the rows without a known result in parts. The rows of a part are looked up, or written, together. */
function* partsOf({ rows, inviterAt: inviters }: ImportPlan, known: KnownResults): Generator<Place[]> {
  let part: Place[] = [];
  for (const [at, row] of rows.entries()) {
    if (known.has(row.line)) continue;
    const inviterAt = inviters[at] ?? null;
    part.push({ at, row, inviterAt, inviterRow: inviterAt === null ? null : (rows[inviterAt] ?? null) });
    if (part.length < IMPORT_ROWS_PER_BATCH) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

const findAll = (db: Queries, part: Place[]) =>
  Promise.all(part.map(async (place) => ({ ...place, found: await findValues(db, place.row, place.inviterRow) })));

const outcomeOf = ({ line, phone, email }: ImportRow, result: ImportResult): ImportOutcome => ({
  line,
  result,
  identity: phone ?? email,
});

/** So few that a login's statement, which waits behind theirs for a connection of the pool, waits for some milliseconds at most. */
const ROWS_LOOKED_UP_AT_ONCE = 5;

/**
 * Tells what an import of these rows would do now, and changes nothing. Yields the outcomes of the rows without a known result, in
 * parts: first of those that the file alone refuses.
 */
export async function* checkImport(plan: ImportPlan, known: KnownResults = new Map()): AsyncGenerator<ImportOutcome[]> {
  yield plan.refused.filter(({ line }) => !known.has(line));
  /** The places of the rows that make accounts. */
  const newPlaces = new Set([...plan.rows.keys()].filter((at) => known.get(plan.rows[at]?.line ?? 0) === "new"));
  for (const part of partsOf(plan, known)) {
    const outcomes: ImportOutcome[] = [];
    for (let first = 0; first < part.length; first += ROWS_LOOKED_UP_AT_ONCE) {
      const places = part.slice(first, first + ROWS_LOOKED_UP_AT_ONCE);
      for (const { at, row, inviterAt, inviterRow, found } of await findAll(readPrimary, places)) {
        const result = judge(row, found, inviterRow, inviterAt !== null && newPlaces.has(inviterAt));
        if (result === "new") newPlaces.add(at);
        outcomes.push(outcomeOf(row, result));
      }
    }
    yield outcomes;
  }
}

/** How an import runs. */
export interface ImportOptions {
  now?: Date;
  /** The results of rows that were imported before. These rows are left out. */
  known?: KnownResults;
  /** Runs in the transaction of each part. If it returns false, the part is not written and the import ends. */
  mayGoOn?: (tx: Transaction) => Promise<boolean>;
  /** Runs at the end of the transaction of each part. */
  record?: (tx: Transaction, outcomes: ImportOutcome[]) => void;
  drawInvite?: () => InviteCode;
}

/**
 * Makes the accounts of the rows, each with its activation and an audit event, in transactions of `IMPORT_ROWS_PER_BATCH` rows.
 * Yields the outcomes of each. After each it rests `IMPORT_REST_FACTOR` times as long as it took, so that logins get their turn.
 *
 * An account that exists stays as it is. So an import can run again at any time, also after a crash and beside another one: the rows
 * that it made before exist. No circle can arise: a new account has invited no account yet, and the plan has none. Phones and
 * mailboxes count as proven at `now`, because the operator vouches for them; older codes sent to them belong to earlier owners.
 */
export async function* runImport(
  plan: ImportPlan,
  importer: Importer,
  {
    now = new Date(),
    known = new Map(),
    mayGoOn = async () => true,
    record = () => undefined,
    drawInvite = drawInviteCode,
  }: ImportOptions = {},
): AsyncGenerator<ImportOutcome[]> {
  const drawFreeInvite = () => {
    for (;;) {
      const code = drawInvite();
      if (!plan.codes.has(code)) return code;
    }
  };
  for (const part of partsOf(plan, known)) {
    const startedAt = performance.now();
    const outcomes = await retryOnUnique(() =>
      transact(async (tx) => {
        if (!(await mayGoOn(tx))) return null;
        const written = await writePart(tx, part, { importer, now, drawInvite: drawFreeInvite });
        record(tx, written);
        return written;
      }),
    );
    if (!outcomes) return;
    yield outcomes;
    await sleep(IMPORT_REST_FACTOR * (performance.now() - startedAt));
  }
}

async function writePart(
  tx: Transaction,
  part: Place[],
  { importer, now, drawInvite }: { importer: Importer; now: Date; drawInvite: () => InviteCode },
): Promise<ImportOutcome[]> {
  await lockTestNumbersShared(tx);
  const all = await findAll(tx, part);
  const inviterIds = all.flatMap(({ found }) => (found.accountId === null ? (found.inviterId ?? []) : []));
  // An inviter may have been deleted between the look-up and the lock.
  const locked = await lockInviters(tx, inviterIds);
  const newPlaces = new Set<number>();
  const judged = all.map(({ at, row, found, inviterAt, inviterRow }) => {
    const inviterId = found.inviterId !== null && locked.has(found.inviterId) ? found.inviterId : null;
    const isInviterNew = inviterAt !== null && newPlaces.has(inviterAt);
    const result = judge(row, { ...found, inviterId }, inviterRow, isInviterNew);
    if (result === "new") newPlaces.add(at);
    return { at, row, result, inviterId, inviterAt };
  });
  const made = judged.filter(({ result }) => result === "new");
  const ids = new Map(
    await Promise.all(
      made.map(async ({ at, row }) => [at, await importAccount(tx, row, { importer, now, drawInvite })] as const),
    ),
  );
  for (const { at, row, inviterId, inviterAt } of made) {
    const imported = ids.get(at);
    if (imported === undefined || imported === null) continue;
    const { id: inviteeId, ...account } = imported;
    const inviter = inviterId ?? (inviterAt === null ? null : ids.get(inviterAt)?.id) ?? null;
    const activatedAt = row.activatedAt ?? row.createdAt ?? now;
    if (inviter !== null) recordImportedActivation(tx, { inviteeId, inviterId: inviter, activatedAt });
    const activation = inviter === null ? null : { inviterId: inviter, activatedAt: activatedAt.toISOString() };
    publishFirstEvent(tx, inviteeId, { type: "account.imported", data: { ...account, activation } }, now);
  }
  return judged.map(({ row, result }) => outcomeOf(row, result));
}

const KEEP_SUBJECT = statement({
  params: { id: "integer", subject: "text" },
  sql: `UPDATE "User" SET "subject" = :subject WHERE "id" = :id`,
});
const BLOCK_IMPORTED = statement({
  params: { id: "integer", blockedAt: "time" },
  sql: `UPDATE "User" SET "blockedAt" = :blockedAt WHERE "id" = :id`,
});

/** Makes an account with its audit event, and returns its id and what the event log says of it. */
async function importAccount(
  tx: Transaction,
  { phone, claimedPhone, email, inviteCode, createdAt, blockedAt, subject }: ImportRow,
  { importer, now, drawInvite }: { importer: Importer; now: Date; drawInvite: () => InviteCode },
): Promise<{ id: number; inviteCode: InviteCode; createdAt: string; blockedAt: string | null }> {
  const account = { inviteCode: inviteCode ?? drawInvite(), createdAt: createdAt ?? now };
  const id = await insertAccount(tx, {
    phone,
    phoneProvenAt: phone && now,
    claimedPhone,
    email,
    emailProvenAt: email && now,
    ...account,
    isTest: false,
  });
  if (subject) tx.queue(KEEP_SUBJECT, { id, subject });
  if (blockedAt) tx.queue(BLOCK_IMPORTED, { id, blockedAt });
  recordEvent(tx, { action: "account_imported", ...importer, subjectId: id, now });
  return {
    id,
    inviteCode: account.inviteCode,
    createdAt: account.createdAt.toISOString(),
    blockedAt: blockedAt?.toISOString() ?? null,
  };
}
