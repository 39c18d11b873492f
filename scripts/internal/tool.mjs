import { spawn } from "node:child_process";
import { constants } from "node:os";

/** An error that ends a task and is not a bug: only its message is shown. */
export class Refusal extends Error {
  name = "Refusal";
}

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

const TELL_EVERY_MS = 10_000;

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
/** @type {NodeJS.Signals | undefined} */
let interruption;

process.on("exit", () => {
  for (const child of running) child.kill();
});

/**
 * Passes the first signal on to the running tools (Ctrl-C comes from the terminal and from npm), and ends after they have.
 *
 * @param {NodeJS.Signals} signal
 */
function interrupt(signal) {
  if (interruption) return;
  interruption = signal;
  for (const child of running) child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
}

/**
 * @typedef {object} Options
 * @property {Record<string, string>} [env] variables besides those of this process
 * @property {string} [cwd]
 * @property {"collect" | "inherit"} [output]
 * @property {boolean} [isServer] whether the program is a server, so that an end by a signal counts as success
 */

/**
 * Runs `node` with `args`, as `runTool` does.
 *
 * @param {string[]} args
 * @param {Options} [options]
 */
export function runNode(args, options) {
  return runTool(process.execPath, args, options);
}

/**
 * Runs a program. Resolves to its exit code and, with `output: "collect"`, its output. If this process gets one of `SIGNALS`, it
 * passes the signal on and ends as soon as the program has ended; the promise never settles.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {Options} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runTool(command, args, { env = {}, cwd, output = "collect", isServer = false } = {}) {
  return new Promise((resolve) => {
    if (running.size === 0) for (const signal of SIGNALS) process.on(signal, interrupt);
    const stdio = output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"];
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
    running.add(child);
    const chunks = [];
    child.stdout?.on("data", (chunk) => chunks.push(chunk));
    child.stderr?.on("data", (chunk) => chunks.push(chunk));
    const end = (code) => {
      running.delete(child);
      if (running.size === 0) for (const signal of SIGNALS) process.off(signal, interrupt);
      if (interruption && running.size === 0) process.exit(isServer ? 0 : 128 + constants.signals[interruption]);
      if (!interruption) resolve({ code, output: Buffer.concat(chunks).toString() });
    };
    child.once("error", (error) => {
      chunks.push(Buffer.from(error.message));
      end(1);
    });
    child.once("close", (code) => end(code ?? 1));
  });
}

/**
 * Runs one step of setting up. Prints its label when it begins, every 10 seconds and when it ends; other steps may run at the same
 * time. If it fails, throws a `Refusal` with the tool's output and the sentence `otherwise`.
 *
 * @param {string} label
 * @param {() => Promise<{ code: number, output: string }>} work
 * @param {string} otherwise
 */
export async function runSetupStep(label, work, otherwise) {
  const startedAt = performance.now();
  const tell = (state = "") => console.log(`${label} …${state}`);
  const tellSeconds = () => tell(` ${Math.round((performance.now() - startedAt) / 1000)} s`);
  tell();
  const signsOfLife = setInterval(tellSeconds, TELL_EVERY_MS);
  const { code, output } = await work();
  clearInterval(signsOfLife);
  if (code !== 0) {
    tell(" failed");
    throw new Refusal(`${output.trim()}\n\n${otherwise}`);
  }
  tell(` done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}
