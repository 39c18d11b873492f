import { type Contestant, newcomer } from "./contestant";
import type { Goal } from "./goals";
import { visit } from "./load";
import { ASK_FOR_CODE } from "./sarafan";
import { seededPhone, type Town } from "./seed";
import { mannWhitney, median } from "./statistics";

const PHONES_OF_EACH_PER_ROUND = 40;
const PHONES_OF_EACH_MAX = 200;
const P_MIN = 0.05;

/** Measures how long the answer to a request for a code takes, one request at a time, for phones with and without an account in turn. */
export async function compareKnownAndUnknown(
  { name, server }: Contestant,
  { size }: Town,
  rounds: number,
): Promise<Goal> {
  const phonesOfEach = Math.min(PHONES_OF_EACH_MAX, PHONES_OF_EACH_PER_ROUND * rounds);
  const warmUp = phonesOfEach;
  const isKnown: boolean[] = [];
  const begin = () => {
    const at = isKnown.length;
    // The order is known, unknown, unknown, known, so that neither is always first.
    isKnown.push(at % 4 === 0 || at % 4 === 3);
    return isKnown[at] ? { ...newcomer(), phone: seededPhone(size - at) } : newcomer();
  };
  const limit = { visits: warmUp + 2 * phonesOfEach };
  const { latenciesMs } = await visit(server, [ASK_FOR_CODE], { begin, connections: 1, limit });
  const timesOf = (known: boolean) => latenciesMs.filter((_, at) => at >= warmUp && isKnown[at] === known);
  const [known, unknown] = [timesOf(true), timesOf(false)];
  const p = mannWhitney(known, unknown);
  return {
    text: `${name}: a code for a known and for an unknown phone, ${phonesOfEach} each (Mann-Whitney's p)`,
    bound: { least: P_MIN },
    value: p,
    measured: `${p.toFixed(2)} (${median(known).toFixed(2)} ms, ${median(unknown).toFixed(2)} ms)`,
  };
}
