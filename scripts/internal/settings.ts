import { makeSecret, prepareData } from "./data-folder.mjs";
import { QUIET, tellWhatIsNotRead } from "./env-files.mjs";
import { cleanEnvironment } from "./environment";

Object.assign(process.env, QUIET);

/** Reads the settings as `checkSettings` does, after it has made the data folder and the secret if they are missing. */
export async function readSettings() {
  prepareData();
  return checkSettings();
}

/** Reads all settings. Throws a `SettingsError` that names the wrong and missing ones, also AUTH_SECRET if it is missing. */
export async function checkSettings() {
  const { env, misspeltSettings } = await import("../../lib/env");
  await import("../../lib/core/policy");
  for (const sentence of misspeltSettings()) console.error(sentence);
  tellWhatIsNotRead();
  return env;
}

/**
 * Sets a random AUTH_SECRET if none is set, so that tasks which serve no requests need no data folder. Does nothing on Vercel,
 * where the build is deployed and a missing secret has to be noticed.
 */
export function setThrowawaySecret() {
  if (!process.env.VERCEL) process.env.AUTH_SECRET ||= makeSecret();
}

/** For checks and tests: removes all settings of the person who runs them from the environment, and sets a secret. */
export function setTestSettings() {
  const env = cleanEnvironment({ AUTH_SECRET: makeSecret() });
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env, QUIET);
}
