import { z } from "zod";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { IMPORT_FILE_BYTES_MAX } from "@/lib/core/policy";
import { consume, IMPORT_FILES_OF_ADMINISTRATOR, type LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, statement, transact } from "@/lib/db/database";
import { type Administrator, lockAdministrator, mayChange } from "./actor";
import type { Reason } from "./acts";
import { type ImportFileFailure, ImportResult, readImport, splitLines } from "./import-file";
import { ADD_PART, COLUMNS_OF_RUN, LinesOfResults, ResultCounts, RUNS_LISTED_MAX, stopRun } from "./import-store";

/**
 * The state of a file of accounts: `uploading` while its parts are stored, `checking` during the dry run, `checked` until the
 * administrator begins the import, `importing`, then `done`; or `stopped`, by the administrator or because they may not act any more.
 */
export const ImportState = z.enum(["uploading", "checking", "checked", "importing", "done", "stopped"]);
export type ImportState = z.output<typeof ImportState>;

/** The id of an `ImportRun`, as addresses and forms have it. */
export const ImportId = z
  .string()
  .regex(/^[1-9]\d{0,8}$/)
  .transform(Number);
export type ImportId = z.output<typeof ImportId>;

/** An administrator's file of accounts. */
export interface ImportRun {
  id: number;
  startedAt: Date;
  state: ImportState;
  /** How many rows the file has; null while it is read for the first time. */
  rows: number | null;
  /** How many rows were checked or imported so far, and how many of them have each result. */
  done: number;
  results: { result: ImportResult; count: number }[];
  ignoredColumns: string[];
}

/**
 * The failures of an upload.
 * - `login_too_old`: the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago, or the administrator was blocked or
 *   deleted since the request began.
 * - `file_too_large`: it has more than `IMPORT_FILE_BYTES_MAX` bytes.
 * - `import_unfinished`: another file of this administrator is being checked or imported.
 * - `budget_spent`: the administrator uploaded too many files.
 */
export type UploadFailure =
  | ImportFileFailure
  | LimitFailure
  | { name: "login_too_old" | "file_too_large" | "import_unfinished" };

const FIND_WORKING = statement({
  params: { userId: "integer" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "ImportRun" WHERE "startedBy" = :userId AND "state" IN ('checking', 'importing')`,
});
const DELETE_CHECKED = statement({
  params: { userId: "integer" },
  sql: `DELETE FROM "ImportRun" WHERE "startedBy" = :userId AND "state" = 'checked'`,
});
const ADD_RUN = statement({
  params: { userId: "integer", now: "time" },
  row: { id: "integer" },
  sql: `
    INSERT INTO "ImportRun" ("startedBy", "startedAt", "state", "leaseUntil")
    VALUES (:userId, :now, 'uploading', :now) RETURNING "id"`,
});
const DELETE_RUN = statement({
  params: { id: "integer" },
  sql: `DELETE FROM "ImportRun" WHERE "id" = :id`,
});
const BEGIN_CHECK = statement({
  params: { id: "integer", userId: "integer" },
  sql: `UPDATE "ImportRun" SET "state" = 'checking' WHERE "id" = :id AND "startedBy" = :userId AND "state" = 'uploading'`,
});

/** How many characters a stored part of a file has, beyond which it ends with its line. */
const PART_LENGTH = 128 * 1024;

/** Cuts lines into texts of whole lines, so that no statement stores the whole file. */
function* partsOf(lines: string[]): Generator<string> {
  let first = 0;
  let length = 0;
  for (const [at, line] of lines.entries()) {
    length += line.length + 1;
    if (length < PART_LENGTH && at < lines.length - 1) continue;
    yield lines.slice(first, at + 1).join("\n");
    [first, length] = [at + 1, 0];
  }
}

/**
 * Stores a file of accounts with this text, so that it is checked in the background. Replaces a file of this administrator that was
 * checked and not imported. Returns the run's id. Needs a recent code of the administrator.
 */
export async function uploadImport(
  administrator: Administrator,
  text: string,
  now = new Date(),
): Promise<Result<{ id: number }, UploadFailure>> {
  if (!mayChange(administrator, now)) return fail({ name: "login_too_old" });
  if (Buffer.byteLength(text) > IMPORT_FILE_BYTES_MAX) return fail({ name: "file_too_large" });
  // PostgreSQL stores no NUL. A cell that has one is malformed either way.
  const lines = splitLines(text.replaceAll("\0", "\ufffd"));
  const header = await readImport(lines.filter((line) => line.trim() !== "").slice(0, 1), now);
  if (!header.ok) return header;
  const { userId } = administrator;
  const charge = { limit: IMPORT_FILES_OF_ADMINISTRATOR, subject: String(userId) };
  const started = await transact<Result<{ id: number }, UploadFailure>>(async (tx) => {
    if (!(await lockAdministrator(tx, administrator))) return fail({ name: "login_too_old" });
    if (await tx.get(FIND_WORKING, { userId })) return fail({ name: "import_unfinished" });
    const consumed = await consume(tx, [charge], now);
    if (!consumed.ok) return consumed;
    tx.queue(DELETE_CHECKED, { userId });
    const added = await tx.get(ADD_RUN, { userId, now });
    if (!added) throw new Error("an insert returned no row");
    return succeed(added);
  });
  if (!started.ok) return started;
  const { id } = started.value;
  for (const [number, part] of [...partsOf(lines)].entries())
    await transact(async (tx) => tx.queue(ADD_PART, { id, kind: "file", number, text: part, at: now }));
  return transact<Result<{ id: number }, UploadFailure>>(async (tx) => {
    const mayAct = await lockAdministrator(tx, administrator);
    // A parallel upload may have been faster.
    if (mayAct && !(await tx.get(FIND_WORKING, { userId }))) {
      await tx.run(BEGIN_CHECK, { id, userId });
      return started;
    }
    tx.queue(DELETE_RUN, { id });
    return fail({ name: mayAct ? "import_unfinished" : "login_too_old" });
  });
}

const BEGIN_IMPORT = statement({
  params: { id: "integer", userId: "integer", reason: "text", now: "time" },
  row: { rows: "integer" },
  sql: `
    UPDATE "ImportRun"
    SET "state" = 'importing', "reason" = :reason, "done" = 0, "results" = '{}', "worker" = NULL, "leaseUntil" = :now
    WHERE "id" = :id AND "startedBy" = :userId AND "state" = 'checked' RETURNING "rows"`,
});
const DELETE_RESULTS = statement({
  params: { id: "integer" },
  sql: `DELETE FROM "ImportPart" WHERE "runId" = :id AND "kind" <> 'file'`,
});

/** The failures of `beginImport`. `import_unknown`: the administrator has no such file that was checked and not imported. */
export type BeginFailure = { name: "login_too_old" | "import_unknown" };

/**
 * Begins the import of a file that was checked; the work goes on in the background. Is recorded as one audit event with the reason.
 * Needs a recent code of the administrator.
 */
export async function beginImport(
  administrator: Administrator,
  { id, reason }: { id: number; reason: Reason },
  now = new Date(),
): Promise<Result<null, BeginFailure>> {
  if (!mayChange(administrator, now)) return fail({ name: "login_too_old" });
  const { userId } = administrator;
  return transact<Result<null, BeginFailure>>(async (tx) => {
    if (!(await lockAdministrator(tx, administrator))) return fail({ name: "login_too_old" });
    const begun = await tx.get(BEGIN_IMPORT, { id, userId, reason, now });
    if (!begun) return fail({ name: "import_unknown" });
    tx.queue(DELETE_RESULTS, { id });
    const event = {
      action: "accounts_imported",
      actorKind: "administrator",
      actorId: userId,
      subjectId: null,
    } as const;
    recordEvent(tx, { ...event, details: { count: begun.rows, reason }, now });
    return succeed(null);
  });
}

/**
 * Stops the check or the import of the administrator's file, and deletes the file. Accounts that were made stay. Returns false if
 * there is nothing to stop.
 */
export function stopImport({ userId }: Administrator, id: number): Promise<boolean> {
  return transact((tx) => stopRun(tx, { id, userId }));
}

const runOf = ({ results, ignored, state, ...row }: z.output<typeof StoredRun>): ImportRun => ({
  ...row,
  state,
  results: ImportResult.options.flatMap((result) => {
    const count = results[result] ?? 0;
    return count > 0 ? [{ result, count }] : [];
  }),
  ignoredColumns: ignored,
});

const StoredRun = z.object({
  id: z.number(),
  startedAt: z.date(),
  state: ImportState,
  rows: z.number().nullable(),
  done: z.number(),
  results: ResultCounts,
  ignored: z.preprocess((text) => JSON.parse(String(text)), z.array(z.string())),
});

/** Returns the administrator's run with this id, or null. Other administrators have no access to it. */
export async function findImport({ userId }: Administrator, id: number): Promise<ImportRun | null> {
  const where = { id, startedBy: userId };
  const row = await readPrimary.importRun.findFirst({ where, select: COLUMNS_OF_RUN });
  return row && runOf(StoredRun.parse(row));
}

/** Returns the administrator's runs of the last day, the newest first. */
export async function listImports({ userId }: Administrator): Promise<ImportRun[]> {
  const where = { startedBy: userId, state: { not: "uploading" } };
  const rows = await readPrimary.importRun.findMany({
    where,
    orderBy: { id: "desc" },
    take: RUNS_LISTED_MAX,
    select: COLUMNS_OF_RUN,
  });
  return rows.map((row) => runOf(StoredRun.parse(row)));
}

/**
 * Returns a page of the results of a file that was checked or imported, in the order of its lines: of all rows, or of those that
 * were refused. `page` counts from 0. Returns null if there is no such page.
 */
export async function readResults(
  { userId }: Administrator,
  { id, kind, page }: { id: number; kind: "rows" | "refused"; page: number },
): Promise<LinesOfResults | null> {
  const where = { runId: id, kind, number: page, run: { startedBy: userId } };
  const part = await readPrimary.importPart.findFirst({ where, select: { text: true } });
  return part && LinesOfResults.parse(JSON.parse(part.text));
}
