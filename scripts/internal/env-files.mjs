// Reads the settings in .env.local and .env, for all tasks and for the standalone server. This file imports no package, because it
// runs before packages are installed. Next.js's own reader would replace `$NAME` inside a value, so it is switched off.
import { readFileSync } from "node:fs";
import process from "node:process";

/** The files that settings are read from; the first one that names a setting decides. */
const SETTINGS_FILES = [".env.local", ".env"];
/** The endings of the `.env.` files that Next.js would read and we don't. */
const UNREAD_ENDINGS = ["production.local", "production", "development.local", "development", "test.local", "test"];

/** The variable that tells Next.js that the files have been read already. */
export const NO_READER_OF_NEXT = { __NEXT_PROCESSED_ENV: "true" };

/** The environment of every tool that a task starts: no telemetry, no look for updates, no settings from files. */
export const QUIET = {
  NEXT_TELEMETRY_DISABLED: "1",
  CHECKPOINT_DISABLE: "1",
  PRISMA_HIDE_UPDATE_MESSAGE: "1",
  ...NO_READER_OF_NEXT,
};

/**
 * Adds the settings in files to the environment. A variable that the environment has, even if empty, keeps its value. The variable
 * `SARAFAN_SETTINGS_OF_FILES` gets the names that were added, also for the processes that this one starts.
 */
export function loadEnvFiles() {
  const added = Object.entries(readEnvFiles()).filter(([name]) => process.env[name] === undefined);
  for (const [name, value] of added) process.env[name] = value;
  process.env.SARAFAN_SETTINGS_OF_FILES ??= added.map(([name]) => name).join(",");
  Object.assign(process.env, NO_READER_OF_NEXT);
}

/**
 * Returns the settings in the files of this folder, by their names. Throws a `SettingsError` when a file can't be read.
 *
 * @returns {Record<string, string>}
 */
export function readEnvFiles() {
  return Object.assign({}, ...SETTINGS_FILES.toReversed().map((file) => parseEnvFile(readIfThere(file)).settings));
}

/** Prints on stderr which files in this folder are ignored although Next.js would read them, and which lines are not settings. */
export function tellWhatIsNotRead() {
  for (const file of UNREAD_ENDINGS.map((end) => `.env.${end}`).filter((file) => readIfThere(file).length > 0)) {
    console.error(`The file ${file} is not read: settings are read from .env.local and .env.`);
  }
  for (const file of SETTINGS_FILES) {
    // The text of the line is not printed, because it may be a secret.
    for (const line of parseEnvFile(readIfThere(file)).unreadLines) {
      console.error(`Line ${line} of ${file} is not read: a line is NAME=value, or begins with #.`);
    }
  }
}

/**
 * Parses a file's bytes. A line is `NAME=value`, with or without `export` before it. The value is literal, without variables. A `#`
 * after a space begins a comment. Quotation marks (single, double or backticks) may stand around the value: spaces at its ends and
 * a `#` after a space then belong to it, and `\n` between double ones is a line feed. If several lines have one name, the last one
 * counts. `unreadLines` has the numbers, from 1 on, of the lines that are neither a setting nor a comment, such as `NAME: value` or
 * a name in another alphabet.
 *
 * @param {Buffer} bytes
 * @returns {{ settings: Record<string, string>, unreadLines: number[] }}
 */
export function parseEnvFile(bytes) {
  const lines = decode(bytes).split(/\r\n?|\n/);
  return {
    settings: Object.fromEntries(lines.flatMap((line) => parseLine(line) ?? [])),
    unreadLines: lines.flatMap((line, at) => (/^\s*(#|$)/.test(line) || parseLine(line) ? [] : at + 1)),
  };
}

const LINE_PATTERN = /^\s*(?:export\s+)?([\w.-]+)\s*=(?:\s*(["'`])(.*?)\2\s*(?:#.*)?$|(.*))/s;

/** @returns {[[string, string]] | null} */
function parseLine(line) {
  const [, name, quote, quoted, plain] = LINE_PATTERN.exec(line) ?? [];
  if (name === undefined) return null;
  if (quote === undefined) return [[name, plain.replace(/\s#.*$/, "").trim()]];
  return [[name, quote === '"' ? quoted.replaceAll("\\n", "\n") : quoted]];
}

/** Decodes UTF-8 or, with its byte order mark, UTF-16, because editors on Windows write either. */
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
