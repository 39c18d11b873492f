import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { bundle } from "@/scripts/internal/bundle.mjs";

const PROGRAM = "lib/testing/busy-process.ts";

/** How the phones of all people of busy processes begin. No other test makes such phones. */
export const BUSY_PHONES = "+79458";
/** The session of events that busy processes publish in transactions that they roll back. */
export const ROLLED_BACK_SESSION_ID = "00000000-0000-4000-8000-000000000000";

export interface BusyOptions {
  /** From 0 to 99, different for each process of a database. */
  number: number;
  seed: number;
  /** How far the clock of its deliveries is ahead, so that leases of killed processes and waits after failed attempts are over. */
  clockAheadMs: number;
}

/** Returns a function that draws whole numbers from 0 to below `max`: the same ones from the same seed. */
export function drawFrom(seed: string): (max: number) => number {
  let drawn = 0;
  return (max) => {
    drawn += 1;
    return createHash("sha256").update(`${seed} ${drawn}`).digest().readUInt32BE() % max;
  };
}

/** A process on the test's database. */
export interface BusyProcess {
  /** Resolves after that many further deeds, or when the process has ended. */
  deeds(count: number): Promise<void>;
  /** Ends it. Resolves to its exit code, or to the signal that ended it. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | string | null>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a process on the test's database that does what a server does without its pages: people log in, invite and leave,
 * transactions are rolled back, and webhooks are delivered. By SIGTERM it ends as a server does.
 */
export async function startBusyProcess(options: BusyOptions): Promise<BusyProcess> {
  const bundled = await bundle(PROGRAM);
  const program = bundled ? [bundled] : ["--import", "tsx", PROGRAM];
  const child = spawn(process.execPath, [...program, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const closed = once(child, "close");
  let done = 0;
  child.stdout.on("data", (lines: Buffer) => {
    done += lines.filter((byte) => byte === NEWLINE).length;
  });
  return {
    deeds: async (count) => {
      const goal = done + count;
      while (done < goal && child.exitCode === null) await Promise.race([once(child.stdout, "data"), closed]);
    },
    end: async (signal) => {
      child.kill(signal);
      const [code, killedBy] = await closed;
      running.delete(child);
      return code ?? killedBy;
    },
  };
}

const NEWLINE = 10;
