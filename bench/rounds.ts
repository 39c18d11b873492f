import type { Contestant, Row } from "./contestant";
import type { Options, Part } from "./options";
import type { Server } from "./server";
import { median, quantile } from "./statistics";

/** The result of one round of one row. */
export interface Figures {
  perSecond: number;
  /** The processor time of the server's processes, for each visit. */
  cpuMs: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** The memory of all the server's processes at the end of the load. */
  memoryBytes: number;
}

/** A row of the table with the results of each round. */
export interface Result {
  contestant: string;
  part: Part;
  label: string;
  rounds: Figures[];
}

/** The longest warm-up of a row, in seconds. */
const WARM_UP_S_MAX = 1;

/**
 * Runs all rows to warm up, one after the other, because so many first connections at once would wait too long on a busy machine.
 * Then runs them in rounds, with the contestants of a row directly one after the other. So other load on the machine affects all of
 * them, and the median of the rounds leaves out the extremes.
 */
export async function takeRounds(contestants: Contestant[], { parts, rounds, seconds }: Options): Promise<Result[]> {
  const entriesOf = (part: Part) =>
    contestants.flatMap(({ name, server, rows }) =>
      rows
        .filter((row) => row.part === part)
        .map((row) => ({ row, server, result: { contestant: name, part, label: row.label, rounds: [] as Figures[] } })),
    );
  const entries = parts.flatMap(entriesOf);
  for (const { row } of entries) await row.drive(Math.min(seconds, WARM_UP_S_MAX));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { row, server, result } of entries) {
      const figures = await measure(row, seconds, server);
      result.rounds.push(figures);
      console.error(`${round}/${rounds} ${result.contestant}, ${row.label}: ${figures.perSecond.toFixed(0)} a second`);
    }
  }
  return entries.map(({ result }) => result);
}

async function measure(row: Row, seconds: number, { usage }: Server): Promise<Figures> {
  const { perSecond, cpuMs, latenciesMs } = await row.drive(seconds);
  return {
    perSecond,
    cpuMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p95Ms: quantile(latenciesMs, 0.95),
    p99Ms: quantile(latenciesMs, 0.99),
    memoryBytes: usage().memoryBytes,
  };
}

/** Returns the median of one figure over the rounds. */
export function medianOf(figure: keyof Figures, { rounds }: Result): number {
  return median(rounds.map((figures) => figures[figure]));
}

/** Returns the memory of a contestant's server after the row that leaves it the most, in bytes. */
export function memoryOf(name: string, results: Result[]): number {
  const own = results.filter(({ contestant }) => contestant === name);
  return Math.max(...own.map((result) => medianOf("memoryBytes", result)));
}
