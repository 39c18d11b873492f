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

/** Files in this folder that look as if settings were read from them, and aren't. */
export function listUnreadEnvFiles() {
  return UNREAD.map((end) => `.env.${end}`).filter((file) => readIfThere(file).length > 0);
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
  const text = decode(bytes).replace(/\r\n?/g, "\n");
  const lines =
    /^[^\S\n]*(?:export[^\S\n]+)?([\w.-]+)[^\S\n]*=(?:[^\S\n]*(["'`])([^\n]*?)\2[^\S\n]*(?:#[^\n]*)?$|([^\n]*))/gm;
  const settings = [...text.matchAll(lines)].map(([, name, quote, quoted, plain]) => [
    name,
    quote === undefined ? plain.replace(/\s#.*$/, "").trim() : quote === '"' ? quoted.replaceAll("\\n", "\n") : quoted,
  ]);
  return Object.fromEntries(settings);
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
