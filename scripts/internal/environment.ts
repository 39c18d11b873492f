import { NO_READER_OF_NEXT, readEnvFiles } from "./env-files.mjs";

/** What the machine needs to run anything; every other variable might be a setting. */
const MACHINE =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TZ|TERM|COLORTERM|(FORCE|NO)_COLOR|CI|DEBUG|DISPLAY|TMPDIR|TE?MP|XDG_.*|NODE_(OPTIONS|EXTRA_CA_CERTS|V8_COVERAGE)|(npm|NPM)_.*|PLAYWRIGHT_.*|CHROMIUM_PATH|(HTTPS?|NO|ALL)_PROXY|https?_proxy|no_proxy|all_proxy|(SYSTEM|PROGRAM|APP|LOCALAPP|COM|PATH|USER|WIN).*)$/i;

/**
 * An environment for tests and for servers under test: the machine's part of this one and `settings`, nothing of what
 * this clone's owner has set. What is set in files is set empty, which counts as not set and wins over the file.
 */
export function cleanEnvironment(settings: Record<string, string> = {}): NodeJS.ProcessEnv {
  const machine = Object.entries(process.env).flatMap(([name, value]) =>
    MACHINE.test(name) && value !== undefined && !isOverruled(name) ? [[name, value]] : [],
  );
  const blank = Object.keys(readEnvFiles()).map((name) => [name, ""]);
  // Typed as Node's own, for which Next's types demand a NODE_ENV that must not be set here.
  return {
    ...Object.fromEntries(blank),
    ...Object.fromEntries(machine),
    ...NO_READER_OF_NEXT,
    ...settings,
  } as NodeJS.ProcessEnv;
}

/** Playwright sets the one where somebody has set the other, and then Node complains to each process. */
const isOverruled = (name: string) => name === "FORCE_COLOR" && process.env.NO_COLOR !== undefined;
