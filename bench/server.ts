import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A server under test: a process of its own, and whatever processes that starts. */
export interface Server {
  /** Its address, by number: no time goes into looking a name up. */
  readonly url: string;
  /** How long it took from the start of the process to the first answer of 200. */
  readonly startedInMs: number;
  /** The process that listens, which is the last one of the tree. */
  listener(): number;
  /** The memory in use by all its processes together, in bytes. */
  memory(): number;
  stop(): Promise<void>;
}

const START_MS_MAX = 60_000;
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
  // A process group of its own, so that none of its processes outlives us, whatever happens.
  const child = spawn(process.execPath, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => killGroup(child));
  let lastWords = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS_LENGTH);
    });
  }
  while (!(await answers(url + path))) {
    if (child.exitCode !== null || performance.now() - startedAt > START_MS_MAX) {
      throw new Error(`${args.join(" ")} did not start:\n${lastWords}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
  const startedInMs = performance.now() - startedAt;
  return {
    url,
    startedInMs,
    listener: () => familyOf(child).at(-1)?.pid ?? Number(child.pid),
    memory: () => familyOf(child).reduce((sum, { bytes }) => sum + bytes, 0),
    stop: async () => {
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
      killGroup(child);
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

/** The process and its descendants, each after its parent. */
function familyOf(child: ChildProcess): { pid: number; bytes: number }[] {
  const processes = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parent = 0, kilobytes = 0]) => ({ pid, parent, bytes: kilobytes * 1024 }));
  const family = processes.filter(({ pid }) => pid === child.pid);
  for (const { pid } of family) family.push(...processes.filter(({ parent }) => parent === pid));
  return family;
}

function killGroup({ pid }: ChildProcess) {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of it is left, as it should be.
  }
}
