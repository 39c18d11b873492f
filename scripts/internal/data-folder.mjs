import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { Refusal } from "./tool.mjs";

/** Returns DATABASE_URL unchecked, or the default of lib/env.ts. That file can't be imported before there is a secret. */
export function databaseUrl() {
  return process.env.DATABASE_URL || "file:./data/sarafan.db";
}

/**
 * Returns the absolute path in an SQLite URL, or undefined for another URL.
 *
 * @param {string} url
 * @returns {string | undefined}
 */
export function databaseFile(url) {
  return url.startsWith("file:") ? path.resolve(url.slice("file:".length)) : undefined;
}

/** Makes the data folder and the secret if they are missing and the database is a file. */
export function prepareData() {
  const file = databaseFile(databaseUrl());
  // Vercel keeps no files: there a missing database or secret has to be noticed.
  if (file && !process.env.VERCEL) prepareDataFolder(file);
}

/**
 * Makes the folder of a database and the secret in it, if they are missing. Throws a `Refusal` if they can't be made or the
 * database can't be written to.
 *
 * @param {string} database
 */
export function prepareDataFolder(database) {
  const folder = path.dirname(database);
  // What this process creates from here on, the server's files included, can be read by its owner only: it has people's phones.
  process.umask(0o077);
  try {
    makeFolder(folder);
    const secret = keepSecret(path.join(folder, "auth-secret"));
    process.env.AUTH_SECRET ||= secret;
    if (isFolder(database)) throw new Refusal(`DATABASE_URL names a folder, ${database}: name a file in it.`);
    if (existsSync(database)) accessSync(database, constants.R_OK | constants.W_OK);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(
      `The data folder ${folder} can't be used (${error.code ?? error}): make it writable, or choose another one: DATABASE_URL=file:/some/folder/sarafan.db npm start`,
    );
  }
}

/** Makes a folder and those above it. Node.js's option `recursive` is not used: below /proc it never returns. */
function makeFolder(folder) {
  if (isFolder(folder)) return;
  if (path.dirname(folder) !== folder) makeFolder(path.dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have made it.
    if (!isFolder(folder)) throw error;
  }
}

function isFolder(file) {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Returns the secret in `file`, or makes one; undefined if AUTH_SECRET is set. The file is linked from a complete draft, so
 * that two servers which start together use the same secret. Writing the draft shows at every start if the folder is writable.
 */
function keepSecret(file) {
  const draft = `${file}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, makeSecret(), { mode: 0o600, flush: true });
  try {
    if (process.env.AUTH_SECRET) return undefined;
    linkSync(draft, file);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(file, "utf8").trim();
}

/** Makes a secret: 384 random bits in base64url. */
export function makeSecret() {
  return randomBytes(48).toString("base64url");
}
