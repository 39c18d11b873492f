import { makeSecret, prepareData } from "./data-folder.mjs";
import { QUIET, tellWhatIsNotRead } from "./env-files.mjs";
import { cleanEnvironment } from "./environment";

Object.assign(process.env, QUIET);

/** The settings of this server. Makes the data folder and the secret where they are missing. Throws a `SettingsError`. */
export async function readSettings() {
  prepareData();
  return checkSettings();
}

/** All settings. Throws a `SettingsError` that names those that are wrong or missing, AUTH_SECRET among them. */
export async function checkSettings() {
  const { env, misspeltSettings } = await import("../../lib/env");
  await import("../../lib/core/policy");
  for (const sentence of misspeltSettings()) console.error(sentence);
  tellWhatIsNotRead();
  return env;
}

/**
 * Sets a secret for this process, for tasks that serve no requests, so that they need no data folder. Not on Vercel, where a build
 * is deployed: there a missing secret has to be noticed.
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
