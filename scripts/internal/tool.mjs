import { spawn } from "node:child_process";
import { constants } from "node:os";
import { Refusal } from "./refusal.mjs";

export { Refusal };

/** How long a tool may take to end when we are asked to end: longer than the server's own deadline, and within 10 s. */
const GRACE_MS = 9000;

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
/** @type {NodeJS.Signals | undefined} */
let interruption;

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
for (const signal of SIGNALS) process.on(signal, interrupt);
// npm runs us in a shell, and some shells die of a signal that npm passes to them and leave us behind.
const parent = process.ppid;
const watch = process.env.npm_lifecycle_event
  ? setInterval(() => process.ppid === parent || interrupt("SIGTERM"), 500).unref()
  : undefined;
// Whatever way this process ends, it leaves nobody behind.
process.on("exit", () => {
  for (const child of running) child.kill();
});

/** Leaves signals, and the end of the parent, to what this process does from here on, when no tool is running any more. */
export function handOver() {
  for (const signal of SIGNALS) process.off(signal, interrupt);
  clearInterval(watch);
}

/**
 * Ctrl-C comes twice, from the terminal and from npm, and reaches the tools by itself as well: it is passed on once,
 * and this process ends when the tools have.
 */
function interrupt(signal) {
  if (interruption) return;
  interruption = signal;
  if (running.size === 0) exitInterrupted();
  for (const child of running) child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
  setTimeout(() => {
    for (const child of running) child.kill("SIGKILL");
  }, GRACE_MS).unref();
}

function exitInterrupted() {
  process.exit(128 + constants.signals[interruption]);
}

/**
 * Runs `node` with `args` and resolves to how it ended, with what it printed when that is collected.
 * `interrupted` tells that it ended because this process was asked to.
 *
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, output?: "collect" | "inherit" }} [options]
 */
export function runNode(args, options) {
  return runTool(process.execPath, args, options);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, output?: "collect" | "inherit" }} [options] `env` comes on top of ours
 * @returns {Promise<{ code: number, output: string, interrupted: boolean }>}
 */
export function runTool(command, args, { env = {}, output = "collect" } = {}) {
  // Whoever asked us to end does not want the next step either.
  if (interruption) exitInterrupted();
  return new Promise((resolve) => {
    const stdio = output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"];
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio });
    running.add(child);
    const chunks = [];
    child.stdout?.on("data", (chunk) => chunks.push(chunk));
    child.stderr?.on("data", (chunk) => chunks.push(chunk));
    const end = (code) => {
      running.delete(child);
      resolve({ code, output: Buffer.concat(chunks).toString(), interrupted: interruption !== undefined });
    };
    child.once("error", (error) => {
      chunks.push(Buffer.from(error.message));
      end(1);
    });
    child.once("close", (code) => end(code ?? 1));
  });
}

/**
 * One step of setting up: says what it does and how long it took, keeps quiet about the rest unless it fails. Then it
 * shows the tool's own words and throws a `Refusal` that says `otherwise`.
 *
 * @param {string} label
 * @param {() => Promise<{ code: number, output: string, interrupted: boolean }>} work
 * @param {string} otherwise
 */
export async function takeStep(label, work, otherwise) {
  process.stdout.write(`${label} … `);
  const startedAt = performance.now();
  const { code, output, interrupted } = await work();
  if (interrupted) {
    process.stdout.write("\n");
    if (running.size === 0) exitInterrupted();
    await new Promise(() => {});
  }
  if (code !== 0) {
    process.stdout.write("failed\n");
    throw new Refusal(`${output.trim()}\n\n${otherwise}`);
  }
  process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
}
