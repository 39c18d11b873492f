import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { familyOf, type Usage, usageOf } from "./processes";

/** A server under test: a process, and the processes that it starts. */
export interface Server {
  /** Its address by number, so that no time is spent on resolving a name. */
  readonly url: string;
  /** The time from the start of the process to the first answer 200. */
  readonly startedInMs: number;
  /** The listening process, which is the last one of the tree. */
  listener(): number;
  /** The resources that all its processes have used. */
  usage(): Usage;
  /** Waits for the pattern in the server's latest output and resolves to its first group; throws after some seconds. */
  printed(pattern: RegExp): Promise<string>;
  stop(): Promise<void>;
}

const START_MS_MAX = 60_000;
const PRINT_MS_MAX = 10_000;
const LOOK_AGAIN_MS = 5;
const LAST_WORDS_LENGTH = 4000;

/** Runs `node` with `args` and resolves when `GET <url><path>` is 200. */
export async function startServer({
  args,
  env,
  port,
  path,
}: {
  args: string[];
  env: NodeJS.ProcessEnv;
  port: number;
  path: string;
}): Promise<Server> {
  const url = `http://127.0.0.1:${port}`;
  const startedAt = performance.now();
  // A separate process group, so that all its processes end with this one in any case.
  const child = spawn(process.execPath, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${args.join(" ")} could not be run.`);
  process.once("exit", () => killGroup(pid));
  let lastWords = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS_LENGTH);
    });
  }
  while (!(await answers(url + path))) {
    if (hasEnded(child) || performance.now() - startedAt > START_MS_MAX) {
      throw new Error(`${args.join(" ")} did not start:\n${lastWords}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
  const startedInMs = performance.now() - startedAt;
  return {
    url,
    startedInMs,
    listener: () => familyOf(pid).at(-1) ?? pid,
    usage: () => usageOf(familyOf(pid)),
    printed: async (pattern) => {
      const deadline = performance.now() + PRINT_MS_MAX;
      for (;;) {
        const found = pattern.exec(lastWords)?.[1];
        if (found !== undefined) return found;
        if (performance.now() > deadline) throw new Error(`${url} did not print ${pattern}:\n${lastWords}`);
        await sleep(LOOK_AGAIN_MS);
      }
    },
    stop: async () => {
      const closed = hasEnded(child) ? undefined : once(child, "close");
      child.kill("SIGTERM");
      await closed;
      killGroup(pid);
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    // The server doesn't listen yet.
    return false;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function killGroup(pid: number) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All its processes have ended.
  }
}
