import { makeSecret, prepareData } from "./data-folder.mjs";
import { QUIET, tellWhatIsNotRead } from "./env-files.mjs";
import { cleanEnvironment } from "./environment";

Object.assign(process.env, QUIET);

/** The settings of this server, with the data folder and the secret made when they are not there yet. */
export async function readSettings() {
  prepareData();
  return checkSettings();
}

/** All settings, or a `SettingsError` that names those that are wrong. Wants a secret to be there. */
export async function checkSettings() {
  const { env, misspeltSettings } = await import("../../lib/env");
  await import("../../lib/core/policy");
  for (const sentence of misspeltSettings()) console.error(sentence);
  tellWhatIsNotRead();
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
