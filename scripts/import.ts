import { createWriteStream, existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import type { ImportOutcome, ImportPlan, ImportRefusal } from "../lib/core/administration/import-file";
import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const USAGE = "Usage: npm run import -- people.csv [--dry-run] [--refused refused.csv]";

const PROGRESS_EVERY_MS = 1000;

const REASONS: Record<ImportRefusal, string> = {
  line_malformed: "wrong quotation marks, or another number of cells than the first line has",
  identity_missing: "neither a phone nor a mailbox",
  phone_invalid: "no phone number",
  email_invalid: "no e-mail address",
  invite_code_malformed: "no invite code",
  inviter_malformed: "the inviter is neither a phone nor an invite code",
  created_malformed: "the time of creation is not a time since 1970, such as 2026-11-29T10:00:00Z",
  created_in_future: "created in the future",
  activated_malformed: "the time of activation is not a time since 1970, such as 2026-11-29T10:00:00Z",
  activated_in_future: "activated in the future",
  blocked_malformed: "the time of the block is not a time since 1970, such as 2026-11-29T10:00:00Z",
  blocked_in_future: "blocked in the future",
  subject_malformed: "the subject is not one of an export",
  subject_repeated: "an earlier row has this subject",
  subject_taken: "another account has this subject",
  phone_repeated: "an earlier row has this phone",
  email_repeated: "an earlier row has this mailbox",
  invite_code_repeated: "an earlier row has this invite code",
  email_taken: "another account has this mailbox",
  invite_code_taken: "another account has this invite code",
  test_number: "this phone is a test number",
  inviter_unknown: "neither the file nor the database has the inviter",
  inviter_refused: "the inviter's own row makes no account",
  invite_own: "the person is named as their own inviter",
  invite_circular: "the inviters lead back to the person",
};

const { file, isDryRun, refusedFile } = readArguments();
const env = await readSettings();
await migrate(env.DATABASE_URL);
const { NO_ACCOUNT_ID } = await import("../lib/core/accounts/audit-log");
const { checkImport, runImport } = await import("../lib/core/administration/import");
const { readImport } = await import("../lib/core/administration/import-file");

const plan = await readPlan();
const importer = { actorKind: "command_line", actorId: NO_ACCOUNT_ID } as const;
const refused = await follow(plan, isDryRun ? checkImport(plan) : withRefused(plan, runImport(plan, importer)));
if (refusedFile) await writeRefused(refusedFile, refused);
if (refused.size > 0) process.exitCode = 1;

function readArguments() {
  const options = { "dry-run": { type: "boolean" }, refused: { type: "string" } } as const;
  try {
    const { values, positionals } = parseArgs({ args: process.argv.slice(3), options, allowPositionals: true });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new Refusal(USAGE);
    const { refused = null } = values;
    // The name could be that of the imported file, which must not be overwritten.
    if (refused !== null && existsSync(refused)) throw new Refusal(`${refused} exists already.`);
    return { file, isDryRun: values["dry-run"] ?? false, refusedFile: refused };
  } catch (error) {
    if (error instanceof TypeError) throw new Refusal(`${error.message}\n${USAGE}`);
    throw error;
  }
}

async function openFile(): Promise<FileHandle> {
  try {
    return await open(file);
  } catch (error) {
    throw new Refusal(`${file} can't be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

async function readPlan(): Promise<ImportPlan> {
  const read = await readImport((await openFile()).readLines({ encoding: "utf8" }));
  if (read.ok) {
    const ignored = read.value.ignoredColumns;
    if (ignored.length > 0) console.log(`These columns are not read: ${ignored.join(", ")}.`);
    return read.value;
  }
  throw new Refusal(
    read.failure.name === "column_repeated"
      ? `${file} has the column ${read.failure.column} twice.`
      : `The first line of ${file} must name its columns, among them phone or email: phone,email,invite_code,inviter,created`,
  );
}

async function* withRefused(
  { refused: alone }: ImportPlan,
  parts: AsyncIterable<ImportOutcome[]>,
): AsyncGenerator<ImportOutcome[]> {
  yield alone;
  yield* parts;
}

/** Prints the progress once a second, each refused row, and the sums. Returns the refused rows by their lines. */
async function follow(
  { rows, refused: alone }: ImportPlan,
  parts: AsyncIterable<ImportOutcome[]>,
): Promise<Map<number, ImportRefusal>> {
  const total = rows.length + alone.length;
  const reasonOf = new Map<number, ImportRefusal>();
  let [made, existing] = [0, 0];
  let toldAt = performance.now();
  for await (const part of parts) {
    for (const { line, result } of part) {
      if (result === "new") made += 1;
      else if (result === "exists") existing += 1;
      else {
        reasonOf.set(line, result);
        console.error(`line ${line}: ${REASONS[result]}`);
      }
    }
    if (performance.now() - toldAt < PROGRESS_EVERY_MS) continue;
    toldAt = performance.now();
    console.log(`${made + existing + reasonOf.size} of ${total} rows`);
  }
  const verb = isDryRun ? "would be made" : "were made";
  console.log(`${total} rows: ${made} accounts ${verb}, ${existing} exist already, ${reasonOf.size} rows are refused.`);
  return reasonOf;
}

/** Writes the file's lines that were refused to a new file, each with its reason, so that they can be mended and imported. */
async function writeRefused(target: string, reasonOf: ReadonlyMap<number, ImportRefusal>): Promise<void> {
  async function* lines() {
    const source = (await openFile()).readLines({ encoding: "utf8" });
    let [line, delimiter] = [0, ""];
    for await (const text of source) {
      line += 1;
      const reason = reasonOf.get(line);
      if (delimiter === "" && text.trim() !== "") {
        delimiter = text.split(";").length > text.split(",").length ? ";" : ",";
        yield `${text}${delimiter}reason\n`;
      } else if (reason) yield `${text}${delimiter}${reason}\n`;
    }
  }
  // The lines contain phones, so only this user may read them.
  await pipeline(Readable.from(lines()), createWriteStream(target, { flags: "wx", mode: 0o600 }));
}
