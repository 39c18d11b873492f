import { type Contestant, newcomer } from "./contestant";
import type { Goal } from "./goals";
import { visit } from "./load";
import { ASK_FOR_CODE } from "./sarafan";
import { blockedPhone, seededPhone, type Town } from "./seed";
import { mannWhitney, median } from "./statistics";

const PHONES_OF_EACH_PER_ROUND = 40;
const PHONES_OF_EACH_MAX = 200;
const P_MIN = 0.05;

/**
 * Measures how long the answer to a request for a code takes, one request at a time, for phones with and without an account in
 * turn, and then for phones of blocked and of other accounts.
 */
export async function compareSecrets(contestant: Contestant, town: Town, rounds: number): Promise<Goal[]> {
  const known = (at: number) => seededPhone(town.size - at);
  const kinds = [
    { text: "a known and for an unknown phone", first: known, second: () => newcomer().phone },
    { text: "a blocked and for another account's phone", first: (at: number) => blockedPhone(town, at), second: known },
  ];
  const goals: Goal[] = [];
  for (const kind of kinds) goals.push(await compareWaits(contestant, kind, rounds));
  return goals;
}

/** Compares the waits for phones of two kinds. `first` and `second` return a different phone for each `at`. */
async function compareWaits(
  { name, server }: Contestant,
  { text, first, second }: Record<"first" | "second", (at: number) => string> & { text: string },
  rounds: number,
): Promise<Goal> {
  const phonesOfEach = Math.min(PHONES_OF_EACH_MAX, PHONES_OF_EACH_PER_ROUND * rounds);
  const warmUp = phonesOfEach;
  const isFirst: boolean[] = [];
  const begin = () => {
    const at = isFirst.length;
    // The order is first, second, second, first, so that neither kind is always first.
    isFirst.push(at % 4 === 0 || at % 4 === 3);
    return { ...newcomer(), phone: isFirst[at] ? first(at) : second(at) };
  };
  const limit = { visits: warmUp + 2 * phonesOfEach };
  const { latenciesMs } = await visit(server, [ASK_FOR_CODE], { begin, connections: 1, limit });
  const timesOf = (kind: boolean) => latenciesMs.filter((_, at) => at >= warmUp && isFirst[at] === kind);
  const [ofFirst, ofSecond] = [timesOf(true), timesOf(false)];
  const p = mannWhitney(ofFirst, ofSecond);
  return {
    text: `${name}: a code for ${text}, ${phonesOfEach} each (Mann-Whitney's p)`,
    bound: { least: P_MIN },
    value: p,
    measured: `${p.toFixed(2)} (${median(ofFirst).toFixed(2)} ms, ${median(ofSecond).toFixed(2)} ms)`,
  };
}
