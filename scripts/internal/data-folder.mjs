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

/** DATABASE_URL as it is set, not yet checked, or the preset of lib/env.ts, which can't be imported before there is a secret. */
export function databaseUrl() {
  return process.env.DATABASE_URL || "file:./data/sarafan.db";
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

/** Makes the data folder and the secret where the database is a file and they are missing. */
export function prepareData() {
  const file = databaseFile(databaseUrl());
  // Vercel keeps no files: there a missing database or secret has to be noticed.
  if (file && !process.env.VERCEL) prepareDataFolder(file);
}

/**
 * Makes the folder of a database and the secret in it, where they are missing. Throws a `Refusal` where that can't be done or the
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

/** Makes a folder and those above it. Not by `recursive`, with which Node never returns from a folder below /proc. */
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
 * The secret in `file`, made where there is none; undefined where AUTH_SECRET is set. The file is a link to a complete draft, so
 * that two servers which start together use the same secret. Writing the draft shows on every start that the folder is writable.
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

/** 384 random bits in base64url. */
export function makeSecret() {
  return randomBytes(48).toString("base64url");
}
