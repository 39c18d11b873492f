import type { Contestant, Row } from "./contestant";
import type { Options, Part } from "./options";
import type { Server } from "./server";
import { median, quantile } from "./statistics";

/** What one round of one row came to. */
export interface Figures {
  perSecond: number;
  /** The processor time of the server's processes, for each visit. */
  cpuMs: number;
  p50Ms: number;
  p99Ms: number;
  /** Of all the server's processes, at the end of the load. */
  memoryBytes: number;
}

/** A row of the table with the figures of each round. */
export interface Result {
  contestant: string;
  part: Part;
  label: string;
  rounds: Figures[];
}

/**
 * Drives all rows once to warm up, then round by round, the contestants of a row one right after the other: what else the
 * machine has to do meets all of them, and a median of the rounds leaves the worst of it out.
 */
export async function takeRounds(contestants: Contestant[], { parts, rounds, seconds }: Options): Promise<Result[]> {
  const entriesOf = (part: Part) =>
    contestants.flatMap(({ name, server, rows }) =>
      rows
        .filter((row) => row.part === part)
        .map((row) => ({ row, server, result: { contestant: name, part, label: row.label, rounds: [] as Figures[] } })),
    );
  const groups = parts.map(entriesOf);
  for (const entries of groups) await Promise.all(entries.map(({ row }) => row.drive(seconds)));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { row, server, result } of groups.flat()) {
      const figures = await measure(row, seconds, server);
      result.rounds.push(figures);
      console.error(`${round}/${rounds} ${result.contestant}, ${row.label}: ${figures.perSecond.toFixed(0)} a second`);
    }
  }
  return groups.flat().map(({ result }) => result);
}

async function measure(row: Row, seconds: number, { usage }: Server): Promise<Figures> {
  const { perSecond, cpuMs, latenciesMs } = await row.drive(seconds);
  return {
    perSecond,
    cpuMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    memoryBytes: usage().memoryBytes,
  };
}

/** The median of one figure over the rounds. */
export function medianOf(figure: keyof Figures, { rounds }: Result): number {
  return median(rounds.map((figures) => figures[figure]));
}

/** The memory of a contestant's server at the end of the row that leaves it most, in bytes. */
export function memoryOf(name: string, results: Result[]): number {
  const own = results.filter(({ contestant }) => contestant === name);
  return Math.max(...own.map((result) => medianOf("memoryBytes", result)));
}
