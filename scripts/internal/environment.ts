import { readFileSync } from "node:fs";
import { NO_READER_OF_NEXT, readEnvFiles } from "./env-files.mjs";

/** The names of settings that .env.example doesn't list: those of NextAuth, Vercel, Node.js, Next.js and some of our own. */
const OTHER_NAME_PATTERN = /^(SENDERS_|AUTH_|NEXT|VERCEL|NODE_ENV$|SARAFAN_|BUILD_STANDALONE$)/;

/**
 * Returns this process's environment with `settings` in place of all other settings, for tests and servers under test. A
 * setting that a file of this clone names becomes "", which counts as not set and takes precedence over the file.
 */
export function cleanEnvironment(settings: Record<string, string> = {}): NodeJS.ProcessEnv {
  const names = new Set(readFileSync(".env.example", "utf8").match(/(?<=^#? ?)[A-Z][A-Z0-9_]+(?==)/gm));
  const inherited = Object.entries(process.env).filter(([name]) => !names.has(name) && !OTHER_NAME_PATTERN.test(name));
  const env: Record<string, string | undefined> = {
    ...Object.fromEntries(Object.keys(readEnvFiles()).map((name) => [name, ""])),
    ...Object.fromEntries(inherited),
    ...NO_READER_OF_NEXT,
    ...settings,
  };
  // Playwright sets FORCE_COLOR, and Node.js warns if both are set.
  if (env.NO_COLOR !== undefined) delete env.FORCE_COLOR;
  return env as NodeJS.ProcessEnv;
}
