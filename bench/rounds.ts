import type { Contestant, Row } from "./contestant";
import type { Options } from "./options";
import { quantile } from "./statistics";

/** What one round of one row came to. */
export interface Figures {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Of all the server's processes, at the end of the round. */
  memoryBytes: number;
}

/** A row of the table with the figures of each round. */
export interface Result {
  contestant: string;
  label: string;
  rounds: Figures[];
}

/**
 * Drives all rows once to warm up, then round by round, one contestant right after the other: what else the machine has
 * to do meets all of them, and a median of the rounds leaves the worst of it out.
 */
export async function takeRounds(contestants: Contestant[], { parts, rounds, seconds }: Options): Promise<Result[]> {
  const entries = parts.flatMap((part) =>
    contestants.flatMap(({ name, server, rows }) =>
      rows
        .filter((row) => row.part === part)
        .map((row) => ({ row, server, result: { contestant: name, label: row.label, rounds: [] as Figures[] } })),
    ),
  );
  for (const { row } of entries) await row.drive(seconds);
  for (let round = 1; round <= rounds; round += 1) {
    for (const { row, server, result } of entries) {
      const figures = await measure(row, seconds, server.memory);
      result.rounds.push(figures);
      console.error(`${round}/${rounds} ${result.contestant}, ${row.label}: ${figures.perSecond.toFixed(0)} a second`);
    }
  }
  return entries.map(({ result }) => result);
}

async function measure(row: Row, seconds: number, memory: () => number): Promise<Figures> {
  const { perSecond, latenciesMs } = await row.drive(seconds);
  return { perSecond, p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99), memoryBytes: memory() };
}
