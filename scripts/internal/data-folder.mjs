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
import { Refusal } from "./refusal.mjs";

/** The same as in lib/env.ts, which can't be asked before there is a secret. */
const DATABASE_URL_PRESET = "file:./data/sarafan.db";

/** DATABASE_URL as it is set, or its preset. It has not been checked. */
export function databaseUrl() {
  return process.env.DATABASE_URL || DATABASE_URL_PRESET;
}

/** Makes the data folder and the secret of a database that is a file, where they are not there yet. */
export function prepareData() {
  const file = databaseFile(databaseUrl());
  // Vercel keeps no files, and a database is missed there, and a secret, and not made.
  if (file && !process.env.VERCEL) prepareDataFolder(file);
}

/**
 * The path in an SQLite URL, or undefined for any other.
 *
 * @param {string} url
 * @returns {string | undefined}
 */
export function databaseFile(url) {
  return url.startsWith("file:") ? path.resolve(url.slice("file:".length)) : undefined;
}

/**
 * Makes the folder that the database is kept in, and the secret beside it, where they are not there yet.
 *
 * @param {string} database
 */
export function prepareDataFolder(database) {
  const folder = path.dirname(database);
  // What is made from here on, by the server as well, is its owner's alone: people's phones are in it.
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
      `The data folder ${folder} can't be used (${reasonOf(error)}): make it writable, or choose another one: DATABASE_URL=file:/some/folder/sarafan.db npm start`,
    );
  }
}

/**
 * Not `recursive`: below a folder such as /proc, Node would try for ever.
 *
 * @param {string} folder
 */
function makeFolder(folder) {
  if (isFolder(folder)) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another start may have made it in the meantime.
    if (!isFolder(folder)) throw error;
  }
}

/** @param {string} file */
function isFolder(file) {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * The secret kept in `file`, made if there is none and none is set. It appears in one piece, by a link to a finished
 * file, so that of two servers that start at once one makes it and both use it. Writing that file also shows that the
 * folder can be written to, so it happens on every start.
 *
 * @param {string} file
 * @returns {string | undefined}
 */
function keepSecret(file) {
  const draft = `${file}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, makeSecret(), { mode: 0o600, flush: true });
  try {
    if (process.env.AUTH_SECRET) return undefined;
    linkSync(draft, file);
  } catch (error) {
    if (reasonOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(file, "utf8").trim();
}

/** A secret that nobody can guess. */
export function makeSecret() {
  return randomBytes(48).toString("base64url");
}

/** @param {any} error */
function reasonOf(error) {
  return error.code ?? String(error);
}
