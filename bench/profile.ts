import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Row } from "./contestant";
import type { Server } from "./server";

/** The environment of a server that is profiled. */
export const PROFILER = { NODE_OPTIONS: `--import ${pathToFileURL("bench/profiler.mjs").href}` };

/** The fields of a `.cpuprofile` that are used here. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

const WARM_UP_SECONDS = 3;
const FUNCTIONS_SHOWN = 40;

/** Runs the row under the profiler, prints the functions that took most time, and names the file for Chrome's or an editor's viewer. */
export async function profileRow(server: Server, row: Row, seconds: number): Promise<void> {
  const pid = server.listener();
  const file = path.join(tmpdir(), `sarafan-bench-${pid}.cpuprofile`);
  rmSync(file, { force: true });
  await row.drive(WARM_UP_SECONDS);
  process.kill(pid, "SIGUSR2");
  const { perSecond } = await row.drive(seconds);
  process.kill(pid, "SIGUSR2");
  while (!existsSync(file)) await sleep(100);
  const profile: CpuProfile = JSON.parse(readFileSync(file, "utf8"));
  console.log(`\n${row.label} under the profiler: ${perSecond.toFixed(0)} a second; ${file}\n`);
  console.log(printSelfTimes(profile));
}

/** Returns the functions with the most own time, in percent of the time that was not idle. */
function printSelfTimes({ nodes, samples, timeDeltas }: CpuProfile): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  samples.forEach((id, at) => {
    const { functionName = "", url = "", lineNumber = 0 } = frames.get(id) ?? {};
    if (functionName === "(idle)") return;
    const place = url.replace(/^.*\/(node_modules|\.next)\//, "") + (url ? `:${lineNumber + 1}` : "");
    const name = `${functionName || "(anonymous)"} ${place}`;
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  });
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, FUNCTIONS_SHOWN)
    .map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(5)} %  ${name}`)
    .join("\n");
}
