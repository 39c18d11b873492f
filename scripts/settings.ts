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
import { listUnreadEnvFiles, listUnreadLines, NO_READER_OF_NEXT } from "./env-files.mjs";
import { cleanEnvironment } from "./environment";
import { Refusal } from "./tool.mjs";

/** The same as in lib/env.ts, which can't be asked before there is a secret. */
const DATABASE_URL_PRESET = "file:./data/sarafan.db";

/** Said once for every tool that a task starts: call nobody, and read no settings from files. */
const QUIET = {
  NEXT_TELEMETRY_DISABLED: "1",
  CHECKPOINT_DISABLE: "1",
  PRISMA_HIDE_UPDATE_MESSAGE: "1",
  ...NO_READER_OF_NEXT,
};
Object.assign(process.env, QUIET);

/** The settings of this server, with the data folder and the secret made when they are not there yet. */
export async function readSettings() {
  const file = databaseFile(process.env.DATABASE_URL || DATABASE_URL_PRESET);
  // Vercel keeps no files, and a database is missed there, and a secret, and not made.
  if (file && !process.env.VERCEL) prepareDataFolder(file);
  return checkSettings();
}

/** All settings, or a `SettingsError` that names those that are wrong. Wants a secret to be there. */
export async function checkSettings() {
  const { env, misspeltSettings } = await import("../lib/env");
  await import("../lib/core/policy");
  for (const sentence of misspeltSettings()) console.error(sentence);
  for (const file of listUnreadEnvFiles()) {
    console.error(`The file ${file} is not read: settings are read from .env.local and .env.`);
  }
  // Not what the line says, which may be a secret.
  for (const { file, line } of listUnreadLines()) {
    console.error(`Line ${line} of ${file} is not read: a line is NAME=value, or begins with #.`);
  }
  return env;
}

/**
 * For tasks that serve nobody: a secret that is forgotten again, so that they need no data folder. On Vercel, where a
 * build is deployed, a missing one has to be noticed.
 */
export function setThrowawaySecret() {
  if (!process.env.VERCEL) process.env.AUTH_SECRET ||= makeSecret();
}

/** For checks and tests: nothing of what this clone's owner has set, neither around us nor in files. */
export function setTestSettings() {
  const env = cleanEnvironment({ AUTH_SECRET: makeSecret() });
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env, QUIET);
}

/** The path in an SQLite URL, or undefined for any other. */
export function databaseFile(url: string): string | undefined {
  return url.startsWith("file:") ? path.resolve(url.slice("file:".length)) : undefined;
}

/** Makes the folder that the database is kept in, and the secret beside it, where they are not there yet. */
export function prepareDataFolder(database: string) {
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

/** Not `recursive`: below a folder such as /proc, Node would try for ever. */
function makeFolder(folder: string) {
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

function isFolder(file: string) {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * The secret kept in `file`, made if there is none and none is set. It appears in one piece, by a link to a finished
 * file, so that of two servers that start at once one makes it and both use it. Writing that file also shows that the
 * folder can be written to, so it happens on every start.
 */
function keepSecret(file: string): string | undefined {
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

function makeSecret() {
  return randomBytes(48).toString("base64url");
}

function reasonOf(error: unknown) {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
