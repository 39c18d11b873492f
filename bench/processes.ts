import { readdirSync, readFileSync } from "node:fs";

/** What some processes have used together. */
export interface Usage {
  /** Processor time since they started, user and system. */
  cpuMs: number;
  /** Memory that is resident now. */
  memoryBytes: number;
  /** The sum of the most that each has had resident. */
  peakBytes: number;
}

/** Linux tells processor time to programs in hundredths of a second, on every architecture. */
const TICK_MS = 10;

/** The process and its descendants that run now, each after its parent. */
export function familyOf(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: statOf(Number(name))?.parent }));
  const family = [pid];
  for (const member of family) {
    family.push(...parents.filter(({ parent }) => parent === member).map(({ pid }) => pid));
  }
  return family;
}

/** What these processes have used; one that has ended counts nothing. */
export function usageOf(pids: readonly number[]): Usage {
  const usage: Usage = { cpuMs: 0, memoryBytes: 0, peakBytes: 0 };
  for (const pid of pids) {
    usage.cpuMs += (statOf(pid)?.ticks ?? 0) * TICK_MS;
    const status = read(`/proc/${pid}/status`);
    usage.memoryBytes += bytesOf(status, "VmRSS");
    usage.peakBytes += bytesOf(status, "VmHWM");
  }
  return usage;
}

/** proc_pid_stat(5): behind the name, which may have any sign in it, come the state, the parent and more numbers. */
function statOf(pid: number): { parent: number; ticks: number } | null {
  const stat = read(`/proc/${pid}/stat`);
  if (!stat) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

function bytesOf(status: string, name: "VmRSS" | "VmHWM"): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
}

/** The file's text, or an empty one when its process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
