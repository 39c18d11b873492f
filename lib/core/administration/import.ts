import { setTimeout as sleep } from "node:timers/promises";
import { insertAccount } from "@/lib/core/accounts/accounts";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { retryOnUnique } from "@/lib/core/accounts/retry-on-unique";
import { isTestNumber, lockTestNumbersShared } from "@/lib/core/accounts/test-number-lock";
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

const findId = (column: "phone" | "email" | "inviteCode") =>
  statement({
    params: { value: "text" },
    row: { id: "integer", isTest: "boolean" },
    sql: `SELECT "id", "isTest" FROM "User" WHERE "${column}" = :value`,
  });
const FIND_BY_PHONE = findId("phone");
const FIND_BY_EMAIL = findId("email");
// Unlike people who activate a code, an import finds the codes of blocked accounts, too.
const FIND_BY_CODE = findId("inviteCode");

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
  hasTestNumber: boolean;
  inviterId: number | null;
}

async function findValues(db: Queries, row: ImportRow, inviterRow: ImportRow | null): Promise<Found> {
  const [account, byEmail, byCode, inviterId, hasTestNumber] = await Promise.all([
    findAccountOf(db, row),
    row.phone && row.email && db.get(FIND_BY_EMAIL, { value: row.email }),
    row.inviteCode && db.get(FIND_BY_CODE, { value: row.inviteCode }),
    findInviterOf(db, row, inviterRow),
    row.phone !== null && isTestNumber(db, row.phone),
  ]);
  return {
    accountId: account?.id ?? null,
    isEmailTaken: Boolean(byEmail),
    isCodeTaken: Boolean(byCode),
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
  if (!row.inviter || found.inviterId !== null || isInviterNew) return "new";
  return inviterRow ? "inviter_refused" : "inviter_unknown";
}

/** A part of the plan: rows that are looked up, or written, together. */
interface Part {
  first: number;
  rows: ImportRow[];
  /** For each row, its inviter's place in the plan, or null. */
  inviterAt: (number | null)[];
}

function* partsOf({ rows, inviterAt }: ImportPlan): Generator<Part> {
  for (let first = 0; first < rows.length; first += IMPORT_ROWS_PER_BATCH) {
    const end = first + IMPORT_ROWS_PER_BATCH;
    yield { first, rows: rows.slice(first, end), inviterAt: inviterAt.slice(first, end) };
  }
}

const findAll = (db: Queries, plan: ImportPlan, { rows, inviterAt }: Part) =>
  Promise.all(
    rows.map((row, at) => {
      const place = inviterAt[at] ?? null;
      const inviterRow = place === null ? null : (plan.rows[place] ?? null);
      return findValues(db, row, inviterRow).then((found) => ({ row, found, inviterRow, place }));
    }),
  );

const outcomeOf = ({ line, phone, email }: ImportRow, result: ImportResult): ImportOutcome => ({
  line,
  result,
  identity: phone ?? email,
});

/**
 * Tells what an import of these rows would do now, and changes nothing. Yields the outcomes of all rows in parts: first of those that
 * the file alone refuses.
 */
export async function* checkImport(plan: ImportPlan): AsyncGenerator<ImportOutcome[]> {
  yield plan.refused;
  /** For each row so far, whether it makes an account. */
  const isNew: boolean[] = [];
  for (const part of partsOf(plan)) {
    const outcomes: ImportOutcome[] = [];
    for (const { row, found, inviterRow, place } of await findAll(readPrimary, plan, part)) {
      const result = judge(row, found, inviterRow, place !== null && isNew[place] === true);
      isNew.push(result === "new");
      outcomes.push(outcomeOf(row, result));
    }
    yield outcomes;
  }
}

/** How an import runs. */
export interface ImportOptions {
  now?: Date;
  /** Runs in the transaction of each part. If it returns false, the part is not written and the import ends. */
  mayGoOn?: (tx: Transaction) => Promise<boolean>;
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
  { now = new Date(), mayGoOn = async () => true, drawInvite = drawInviteCode }: ImportOptions = {},
): AsyncGenerator<ImportOutcome[]> {
  const drawFreeInvite = () => {
    for (;;) {
      const code = drawInvite();
      if (!plan.codes.has(code)) return code;
    }
  };
  for (const part of partsOf(plan)) {
    const startedAt = performance.now();
    const outcomes = await retryOnUnique(() =>
      transact(async (tx) =>
        (await mayGoOn(tx)) ? writePart(tx, plan, part, { importer, now, drawInvite: drawFreeInvite }) : null,
      ),
    );
    if (!outcomes) return;
    yield outcomes;
    await sleep(IMPORT_REST_FACTOR * (performance.now() - startedAt));
  }
}

async function writePart(
  tx: Transaction,
  plan: ImportPlan,
  part: Part,
  { importer, now, drawInvite }: { importer: Importer; now: Date; drawInvite: () => InviteCode },
): Promise<ImportOutcome[]> {
  await lockTestNumbersShared(tx);
  const all = await findAll(tx, plan, part);
  const inviterIds = all.flatMap(({ found }) => (found.accountId === null ? (found.inviterId ?? []) : []));
  // An inviter may have been deleted between the look-up and the lock.
  const locked = await lockInviters(tx, inviterIds);
  const newPlaces = new Set<number>();
  const judged = all.map(({ row, found, inviterRow, place }, at) => {
    const inviterId = found.inviterId !== null && locked.has(found.inviterId) ? found.inviterId : null;
    const isInviterNew = place !== null && newPlaces.has(place);
    const result = judge(row, { ...found, inviterId }, inviterRow, isInviterNew);
    if (result === "new") newPlaces.add(part.first + at);
    return { row, result, inviterId, place };
  });
  const ids = await Promise.all(
    judged.map(({ row, result }) => (result === "new" ? importAccount(tx, row, { importer, now, drawInvite }) : null)),
  );
  for (const [at, { row, inviterId, place }] of judged.entries()) {
    const inviteeId = ids[at] ?? null;
    const inviter = inviterId ?? (place === null ? null : ids[place - part.first]) ?? null;
    if (inviteeId === null || inviter === null) continue;
    recordImportedActivation(tx, {
      inviteeId,
      inviterId: inviter,
      activatedAt: row.activatedAt ?? row.createdAt ?? now,
    });
  }
  return judged.map(({ row, result }) => outcomeOf(row, result));
}

const BLOCK_IMPORTED = statement({
  params: { id: "integer", blockedAt: "time" },
  sql: `UPDATE "User" SET "blockedAt" = :blockedAt WHERE "id" = :id`,
});

/** Makes an account with its audit event, and returns its id. */
async function importAccount(
  tx: Transaction,
  { phone, claimedPhone, email, inviteCode, createdAt, blockedAt }: ImportRow,
  { importer, now, drawInvite }: { importer: Importer; now: Date; drawInvite: () => InviteCode },
): Promise<number> {
  const id = await insertAccount(tx, {
    phone,
    phoneProvenAt: phone && now,
    claimedPhone,
    email,
    emailProvenAt: email && now,
    inviteCode: inviteCode ?? drawInvite(),
    createdAt: createdAt ?? now,
    isTest: false,
  });
  if (blockedAt) tx.queue(BLOCK_IMPORTED, { id, blockedAt });
  recordEvent(tx, { action: "account_imported", ...importer, subjectId: id, now });
  return id;
}
