// The one reader of settings in files, for everything that `scripts` starts and for the standalone server, before a package
// is installed. Next.js has a reader of its own, which replaces what looks like a variable in values: it is told to read nothing.
import { readFileSync } from "node:fs";
import process from "node:process";

/** The files that settings are read from; the first one that names a setting decides. */
const FILES = [".env.local", ".env"];
/** Files that Next.js reads where it reads any. */
const UNREAD = ["production.local", "production", "development.local", "development", "test.local", "test"];

/** What Next.js takes for the word that settings have been read from files already. */
export const NO_READER_OF_NEXT = { __NEXT_PROCESSED_ENV: "true" };

/** What is set for every tool that a task starts: call nobody, and read no settings from files. */
export const QUIET = {
  NEXT_TELEMETRY_DISABLED: "1",
  CHECKPOINT_DISABLE: "1",
  PRISMA_HIDE_UPDATE_MESSAGE: "1",
  ...NO_READER_OF_NEXT,
};

/** Sets what the files say and the environment doesn't. A setting that is set empty counts as set here. */
export function loadEnvFiles() {
  for (const [name, value] of Object.entries(readEnvFiles())) process.env[name] ??= value;
  Object.assign(process.env, NO_READER_OF_NEXT);
}

/**
 * What the files in this folder say, by the names of the settings. Throws an error that is a sentence when one is there and
 * can't be read.
 *
 * @returns {Record<string, string>}
 */
export function readEnvFiles() {
  return Object.assign({}, ...FILES.toReversed().map((file) => parseEnvFile(readIfThere(file))));
}

/** Tells on stderr of files in this folder that look as if settings were read from them, and of lines that are no setting. */
export function tellWhatIsNotRead() {
  for (const file of UNREAD.map((end) => `.env.${end}`).filter((file) => readIfThere(file).length > 0)) {
    console.error(`The file ${file} is not read: settings are read from .env.local and .env.`);
  }
  for (const file of FILES) {
    // Not what the line says, which may be a secret.
    for (const line of findUnreadLines(readIfThere(file))) {
      console.error(`Line ${line} of ${file} is not read: a line is NAME=value, or begins with #.`);
    }
  }
}

/**
 * The settings in a file's bytes. A line is `NAME=value`, with or without `export`. The value is literal: nothing in it is
 * replaced, and a comment begins with `#` after a space. Quotation marks around it (single, double or backticks) are no part of
 * it; between them spaces at its ends and a `#` after a space are, and `\n` between double ones is the end of a line. The last line
 * with a name decides.
 *
 * @param {Buffer} bytes
 * @returns {Record<string, string>}
 */
export function parseEnvFile(bytes) {
  return Object.fromEntries(linesOf(bytes).flatMap((line) => parseLine(line) ?? []));
}

/**
 * The numbers of the lines in a file's bytes that are neither a setting nor a comment, from 1 on: `NAME: value`, or what another
 * alphabet or coding has made unreadable.
 *
 * @param {Buffer} bytes
 * @returns {number[]}
 */
export function findUnreadLines(bytes) {
  return linesOf(bytes).flatMap((line, at) => (/^\s*(#|$)/.test(line) || parseLine(line) ? [] : at + 1));
}

const LINE = /^\s*(?:export\s+)?([\w.-]+)\s*=(?:\s*(["'`])(.*?)\2\s*(?:#.*)?$|(.*))/s;

/** @returns {[[string, string]] | null} */
function parseLine(line) {
  const [, name, quote, quoted, plain] = LINE.exec(line) ?? [];
  if (name === undefined) return null;
  if (quote === undefined) return [[name, plain.replace(/\s#.*$/, "").trim()]];
  return [[name, quote === '"' ? quoted.replaceAll("\\n", "\n") : quoted]];
}

function linesOf(bytes) {
  return decode(bytes).split(/\r\n?|\n/);
}

/** Editors on Windows begin a file with a byte order mark, which is no part of the first name, or write UTF-16. */
function decode(bytes) {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isUtf16 ? "utf-16le" : "utf-8").decode(bytes);
}

function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw Object.assign(new Error(`The file ${file} can't be read (${error.code}).`), { name: "SettingsError" });
  }
}
