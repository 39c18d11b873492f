import { readdirSync, readFileSync } from "node:fs";

/** The resources that some processes have used together. */
export interface Usage {
  /** User and system processor time since they started. */
  cpuMs: number;
  /** Resident memory now. */
  memoryBytes: number;
  /** The sum of each process's peak of resident memory. */
  peakBytes: number;
}

/** Linux reports processor time in hundredths of a second on every architecture. */
const TICK_MS = 10;

/** Returns the process and its running descendants, each after its parent. */
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

/** Returns the resources that these processes have used. A process that has ended counts as zero. */
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

/** Reads proc_pid_stat(5): after the name, which may contain any character, come the state, the parent and further numbers. */
function statOf(pid: number): { parent: number; ticks: number } | null {
  const stat = read(`/proc/${pid}/stat`);
  if (!stat) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

function bytesOf(status: string, name: "VmRSS" | "VmHWM"): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
}

/** Returns the file's text, empty when its process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
