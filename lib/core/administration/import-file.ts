import { setImmediate as nextTurn } from "node:timers/promises";
import { parse } from "csv-parse/sync";
import { z } from "zod";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { Subject } from "@/lib/core/oauth/subjects";
import { CLOCK_SKEW_MS_MAX, IMPORT_ROWS_PER_BATCH } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { START_OF_TIME } from "./list";

/** The columns that an import reads, by their names in the file's first line. */
const COLUMNS = [
  "phone",
  "claimed_phone",
  "email",
  "invite_code",
  "inviter",
  "inviter_code",
  "inviter_phone",
  "created",
  "activated",
  "blocked",
  "test",
  "subject",
] as const;
type Column = (typeof COLUMNS)[number];

/** An account's row in the file. */
export interface ImportRow {
  /** The number of its line; the header is line 1. */
  line: number;
  phone: Phone | null;
  /** A phone that the account names without having proven it; null if `phone` is set. */
  claimedPhone: Phone | null;
  email: Email | null;
  /** The invite code to keep; null for a new one. */
  inviteCode: InviteCode | null;
  inviter: { phone: Phone } | { inviteCode: InviteCode } | null;
  createdAt: Date | null;
  /** When the inviter's code was activated; null for the time of `createdAt`. */
  activatedAt: Date | null;
  /** When the account was blocked; null if it isn't blocked. */
  blockedAt: Date | null;
  /** The random value from which the account's `sub` at each application is made; null for a new one at the first login there. */
  subject: Subject | null;
}

/**
 * Why a row makes no account.
 * - `line_malformed`: wrong quotation marks, or another number of cells than the first line has.
 * - `identity_missing`: neither a phone nor a mailbox.
 * - `…_repeated`: an earlier row has this value, too.
 * - `email_taken`, `invite_code_taken`, `subject_taken`: another account of the database has it.
 * - `test_number`: the row is the account of a test number (the column `test` of an export), or the phone is a test number here.
 * - `inviter_unknown`: neither the file nor the database has the inviter. `inviter_refused`: the inviter's own row makes no account.
 * - `invite_circular`: the row's inviters lead back to it.
 */
export const ImportRefusal = z.enum([
  "line_malformed",
  "identity_missing",
  "phone_invalid",
  "email_invalid",
  "invite_code_malformed",
  "inviter_malformed",
  "created_malformed",
  "created_in_future",
  "activated_malformed",
  "activated_in_future",
  "blocked_malformed",
  "blocked_in_future",
  "subject_malformed",
  "phone_repeated",
  "email_repeated",
  "invite_code_repeated",
  "subject_repeated",
  "email_taken",
  "invite_code_taken",
  "subject_taken",
  "test_number",
  "inviter_unknown",
  "inviter_refused",
  "invite_own",
  "invite_circular",
]);
export type ImportRefusal = z.output<typeof ImportRefusal>;

/** What becomes of a row: a `new` account, an account that `exists` already and stays as it is, or a refusal. */
export const ImportResult = z.enum(["new", "exists", ...ImportRefusal.options]);
export type ImportResult = z.output<typeof ImportResult>;

/** A row's result. */
export interface ImportOutcome {
  line: number;
  result: ImportResult;
  /** The row's phone or mailbox; null if it has none that can be read. */
  identity: Phone | Email | null;
}

/** A file that was read. */
export interface ImportPlan {
  /** The rows that may make accounts, each after the row of its inviter. */
  rows: ImportRow[];
  /** For each row, the place in `rows` of its inviter's row; null if the file has none. */
  inviterAt: (number | null)[];
  /** The invite codes that rows keep. No other account gets one of them. */
  codes: ReadonlySet<InviteCode>;
  /** The rows that the file alone refuses, in the order of their lines. */
  refused: ImportOutcome[];
  /** The columns that are not read. */
  ignoredColumns: string[];
}

/** The failures of `readImport`. `header_unknown`: the first line names neither `phone` nor `email`. */
export type ImportFileFailure = { name: "header_unknown" } | { name: "column_repeated"; column: string };

/** The ends of lines at which Node.js's `readLines` splits a file, too. */
const LINE_END_PATTERN = /\r\n|[\n\r\u2028\u2029]/;

/** Returns the lines of a file's text, as `readImport` takes them. */
export const splitLines = (text: string): string[] => text.split(LINE_END_PATTERN);

/**
 * Reads a CSV file (RFC 4180, with commas or semicolons) of accounts. One row is one line, so that a missing quotation mark spoils no
 * other row. Finds everything that the file alone tells: malformed rows, values that occur twice, and circles of inviters. Holds
 * the rows in memory, because inviters and doubles may be anywhere in the file. Lets other work run
 * between parts of the file.
 */
export async function readImport(
  lines: AsyncIterable<string> | Iterable<string>,
  now = new Date(),
): Promise<Result<ImportPlan, ImportFileFailure>> {
  let header: Header | null = null;
  let line = 0;
  const rows: ImportRow[] = [];
  const refused: ImportOutcome[] = [];
  const known = new KnownValues();
  for await (const text of lines) {
    line += 1;
    if (line % IMPORT_ROWS_PER_BATCH === 0) await nextTurn();
    if (text.trim() === "") continue;
    if (!header) {
      const read = readHeader(text.replace(/^\uFEFF/, ""));
      if (!read.ok) return read;
      header = read.value;
      continue;
    }
    const row = readRow(line, readCells(text, header), now);
    const refusal = row.refusal ?? known.add(row, rows.length);
    if (refusal) refused.push({ line, result: refusal, identity: row.phone ?? row.email });
    else rows.push(row);
  }
  if (!header) return fail({ name: "header_unknown" });
  const ordered = putInvitersFirst(
    rows,
    rows.map(({ inviter }) => known.findRow(inviter)),
  );
  return succeed({
    ...ordered,
    codes: new Set(known.byCode.keys()),
    refused: [...refused, ...ordered.refused].sort((one, other) => one.line - other.line),
    ignoredColumns: header.ignored,
  });
}

interface Header {
  delimiter: "," | ";";
  /** The place of each column. */
  places: Map<Column, number>;
  length: number;
  ignored: string[];
}

/** Characters that would control the terminal that shows a column's name. */
const CONTROL_PATTERN = /\p{Cc}/gu;

/** The separator of cells is the one of `,` and `;` that the first line has more often. */
function readHeader(text: string): Result<Header, ImportFileFailure> {
  const delimiter = text.split(";").length > text.split(",").length ? ";" : ",";
  const names = (parseLine(text, delimiter) ?? []).map((name) => name.toLowerCase());
  const places = new Map<Column, number>();
  const ignored: string[] = [];
  for (const [at, name] of names.entries()) {
    const column = COLUMNS.find((one) => one === name);
    if (!column) ignored.push(name.replace(CONTROL_PATTERN, ""));
    else if (places.has(column)) return fail({ name: "column_repeated", column });
    else places.set(column, at);
  }
  if (!places.has("phone") && !places.has("email")) return fail({ name: "header_unknown" });
  return succeed({ delimiter, places, length: names.length, ignored: ignored.filter((name) => name !== "") });
}

/** Returns the cells of a line; null if its quotation marks are wrong, or if it has ends of lines inside. */
function parseLine(text: string, delimiter: string): string[] | null {
  try {
    const [cells = [], ...more] = parse(text, { delimiter, relax_column_count: true, trim: true }) as string[][];
    return more.length === 0 ? cells : null;
  } catch (error) {
    if (String((error as { code?: string }).code).startsWith("CSV_")) return null;
    throw error;
  }
}

/** An apostrophe that an export writes before a character with which a formula begins. */
const BEFORE_FORMULA_PATTERN = /^'(?=[=+\-@\t\r])/;

/** Returns a function that reads a cell, which is empty for a column that the file lacks; null for a malformed line. */
function readCells(text: string, { delimiter, places, length }: Header): ((column: Column) => string) | null {
  const cells = parseLine(text, delimiter);
  if (cells?.length !== length) return null;
  return (column) => (cells[places.get(column) ?? length] ?? "").replace(BEFORE_FORMULA_PATTERN, "");
}

/** A time since 1970: lists begin there, and databases differ in the years that they can store. */
const Time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()])
  .transform((text) => new Date(text))
  .refine((time) => time >= START_OF_TIME);

function readRow(
  line: number,
  cell: ((column: Column) => string) | null,
  now: Date,
): ImportRow & { refusal: ImportRefusal | null } {
  let refusal: ImportRefusal | null = cell ? null : "line_malformed";
  const refuse = (reason: ImportRefusal) => {
    refusal ??= reason;
    return null;
  };
  const read = <Type extends z.ZodType>(column: Column, type: Type, reason: ImportRefusal): z.output<Type> | null => {
    const text = cell?.(column) ?? "";
    return text === "" ? null : (type.safeParse(text).data ?? refuse(reason));
  };
  const readTime = (column: "created" | "activated" | "blocked") => {
    const time = read(column, Time, `${column}_malformed`);
    const isInFuture = time && time.getTime() > now.getTime() + CLOCK_SKEW_MS_MAX;
    return isInFuture ? refuse(`${column}_in_future`) : time;
  };
  const phone = read("phone", Phone, "phone_invalid");
  const email = read("email", Email, "email_invalid");
  const claimed = read("claimed_phone", Phone, "phone_invalid");
  const inviteCode = read("invite_code", InviteCode, "invite_code_malformed");
  const inviter = read("inviter", Inviter, "inviter_malformed");
  const inviterPhone = read("inviter_phone", Phone, "inviter_malformed");
  const inviterCode = read("inviter_code", InviteCode, "inviter_malformed");
  const createdAt = readTime("created");
  const activatedAt = readTime("activated");
  const blockedAt = readTime("blocked");
  const subject = read("subject", Subject, "subject_malformed");
  if (!phone && !email) refuse("identity_missing");
  if (cell?.("test")) refuse("test_number");
  return {
    line,
    phone,
    claimedPhone: phone ? null : claimed,
    email,
    inviteCode,
    inviter: inviter ?? (inviterCode && { inviteCode: inviterCode }) ?? (inviterPhone && { phone: inviterPhone }),
    createdAt,
    activatedAt,
    blockedAt,
    subject,
    refusal,
  };
}

/** An inviter as the column `inviter` names it: by an invite code or a phone. A phone has too many digits for a code. */
const Inviter = z.union([
  InviteCode.transform((inviteCode) => ({ inviteCode })),
  Phone.transform((phone) => ({ phone })),
]);

/** The phones, mailboxes, codes and subjects of the rows so far, with the places of their rows. */
class KnownValues {
  readonly byPhone = new Map<Phone, number>();
  readonly byEmail = new Map<Email, number>();
  readonly byCode = new Map<InviteCode, number>();
  readonly #subjects = new Set<Subject>();

  /** Adds a row's values. If an earlier row has one of them, adds nothing and returns the refusal. */
  add({ phone, email, inviteCode, subject }: ImportRow, at: number): ImportRefusal | null {
    if (phone && this.byPhone.has(phone)) return "phone_repeated";
    if (email && this.byEmail.has(email)) return "email_repeated";
    if (inviteCode && this.byCode.has(inviteCode)) return "invite_code_repeated";
    if (subject && this.#subjects.has(subject)) return "subject_repeated";
    if (phone) this.byPhone.set(phone, at);
    if (email) this.byEmail.set(email, at);
    if (inviteCode) this.byCode.set(inviteCode, at);
    if (subject) this.#subjects.add(subject);
    return null;
  }

  /** Returns the place of the inviter's row; null if the file has no such row. */
  findRow(inviter: ImportRow["inviter"]): number | null {
    if (!inviter) return null;
    return ("phone" in inviter ? this.byPhone.get(inviter.phone) : this.byCode.get(inviter.inviteCode)) ?? null;
  }
}

/**
 * Sorts the rows so that each comes after its inviter's. Refuses the rows of circles, and those that lead to a refused row. From each
 * row it walks up the chain of inviters to a row that is placed already, so it takes as many steps as there are rows.
 */
function putInvitersFirst(
  rows: ImportRow[],
  inviterAt: (number | null)[],
): Pick<ImportPlan, "rows" | "inviterAt" | "refused"> {
  const ordered: ImportRow[] = [];
  const orderedInviterAt: (number | null)[] = [];
  const refused: ImportOutcome[] = [];
  /** For each row that was walked: its new place, or `walking`, or `refused`. */
  const placeOf = new Map<number, number | "walking" | "refused">();
  const refuse = (at: number, result: ImportRefusal) => {
    const row = rows[at];
    if (row) refused.push({ line: row.line, result, identity: row.phone ?? row.email });
    placeOf.set(at, "refused");
  };
  for (const start of rows.keys()) {
    const path: number[] = [];
    let at: number | null = start;
    while (at !== null && !placeOf.has(at)) {
      placeOf.set(at, "walking");
      path.push(at);
      at = inviterAt[at] ?? null;
    }
    if (at !== null && placeOf.get(at) === "walking") {
      const circle = path.splice(path.indexOf(at));
      for (const each of circle) refuse(each, circle.length === 1 ? "invite_own" : "invite_circular");
    }
    for (const each of path.reverse()) {
      const above = inviterAt[each] ?? null;
      const place = above === null ? null : placeOf.get(above);
      const row = rows[each];
      if (place === "refused" || !row) refuse(each, "inviter_refused");
      else {
        placeOf.set(each, ordered.length);
        ordered.push(row);
        orderedInviterAt.push(typeof place === "number" ? place : null);
      }
    }
  }
  return { rows: ordered, inviterAt: orderedInviterAt, refused };
}
