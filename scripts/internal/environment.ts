import { readFileSync } from "node:fs";
import { NO_READER_OF_NEXT, readEnvFiles } from "./env-files.mjs";

/** What is set beside the settings of .env.example: by NextAuth, Vercel, Node.js, Next.js and ourselves. */
const OTHER_SETTING = /^(SENDERS_|AUTH_|NEXT|VERCEL|NODE_ENV$|SARAFAN_|BUILD_STANDALONE$)/;

/**
 * The environment of this process without anyone's settings, and with `settings`: for tests and for servers under test. A setting
 * that a file of this clone names is set to "", which counts as not set and takes precedence over the file.
 */
export function cleanEnvironment(settings: Record<string, string> = {}): NodeJS.ProcessEnv {
  const names = new Set(readFileSync(".env.example", "utf8").match(/(?<=^#? ?)[A-Z][A-Z0-9_]+(?==)/gm));
  const inherited = Object.entries(process.env).filter(([name]) => !names.has(name) && !OTHER_SETTING.test(name));
  const env: Record<string, string | undefined> = {
    ...Object.fromEntries(Object.keys(readEnvFiles()).map((name) => [name, ""])),
    ...Object.fromEntries(inherited),
    ...NO_READER_OF_NEXT,
    ...settings,
  };
  // Playwright sets it, and Node.js warns of the two together.
  if (env.NO_COLOR !== undefined) delete env.FORCE_COLOR;
  return env as NodeJS.ProcessEnv;
}
