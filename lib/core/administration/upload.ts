import { recordEvent } from "@/lib/core/accounts/audit-log";
import { IMPORT_FILE_BYTES_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Transaction, transact } from "@/lib/db/database";
import { type Administrator, lockAdministrator, mayChange, mayStillAct } from "./accounts";
import type { Reason } from "./acts";
import { checkImport, runImport } from "./import";
import { type ImportFileFailure, type ImportOutcome, type ImportResult, readImport, splitLines } from "./import-file";

/**
 * What becomes of the rows of a file: the numbers of the lines with each result. New accounts come first, then accounts that exist,
 * then refused rows.
 */
export interface UploadSummary {
  lines: { result: ImportResult; lines: number[] }[];
  ignoredColumns: string[];
}

/**
 * The failures of an upload.
 * - `login_too_old`: the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago, or the administrator was blocked or
 *   deleted since. Rows that were imported before stay.
 * - `file_too_large`: it has more than `IMPORT_FILE_BYTES_MAX` bytes.
 */
export type UploadFailure = ImportFileFailure | { name: "login_too_old" | "file_too_large" };

/**
 * Checks a file with this text: returns what an import would do, and changes no account. With a `reason`, imports the file. A check
 * or an import is recorded as one audit event before its first row, because the answer says which phones and mailboxes have an
 * account. Each account that is made has an event of its own. Both need a recent code of the administrator.
 */
export async function importUpload(
  administrator: Administrator,
  { text, reason }: { text: string; reason: Reason | null },
  now = new Date(),
): Promise<Result<UploadSummary, UploadFailure>> {
  if (!mayChange(administrator, now)) return fail({ name: "login_too_old" });
  if (Buffer.byteLength(text) > IMPORT_FILE_BYTES_MAX) return fail({ name: "file_too_large" });
  const read = await readImport(splitLines(text), now);
  if (!read.ok) return read;
  const plan = read.value;
  const { ignoredColumns } = plan;
  const importer = { actorKind: "administrator", actorId: administrator.userId } as const;
  const action = reason === null ? "import_checked" : "accounts_imported";
  const details = { count: plan.rows.length, ...(reason !== null && { reason }) };
  const isRecorded = await transact(async (tx) => {
    if (!(await lockAdministrator(tx, administrator))) return false;
    recordEvent(tx, { action, ...importer, subjectId: null, details, now });
    return true;
  });
  if (!isRecorded) return fail({ name: "login_too_old" });
  if (reason === null) return succeed({ lines: await gather(checkImport(plan)), ignoredColumns });

  const mayGoOn = (tx: Transaction) => mayStillAct(tx, administrator);
  const lines = await gather(runImport(plan, importer, { now, mayGoOn }), plan.refused);
  const done = lines.reduce((sum, { lines: ofResult }) => sum + ofResult.length, 0);
  const isWhole = done === plan.rows.length + plan.refused.length;
  return isWhole ? succeed({ lines, ignoredColumns }) : fail({ name: "login_too_old" });
}

async function gather(
  parts: AsyncIterable<ImportOutcome[]>,
  before: ImportOutcome[] = [],
): Promise<UploadSummary["lines"]> {
  const byResult = new Map<ImportResult, number[]>();
  const add = (part: ImportOutcome[]) => {
    for (const { line, result } of part) {
      const lines = byResult.get(result);
      if (lines) lines.push(line);
      else byResult.set(result, [line]);
    }
  };
  add(before);
  for await (const part of parts) add(part);
  return [...byResult]
    .map(([result, lines]) => ({ result, lines: lines.sort((one, other) => one - other) }))
    .sort((one, other) => rankOf(one.result) - rankOf(other.result));
}

const RANKS: Partial<Record<ImportResult, number>> = { new: 0, exists: 1 };
const rankOf = (result: ImportResult) => RANKS[result] ?? 2;
