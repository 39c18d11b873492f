import { newcomer } from "./contestant";
import { visit } from "./load";
import { ASK_FOR_CODE } from "./sarafan";
import { seededPhone, type Town } from "./seed";
import { mannWhitney, median } from "./statistics";

const PHONES_OF_EACH = 200;
const WARM_UP = 200;

/** How long whoever asks for a code waits for the answer: one at a time, phones with and without an account by turns. */
export async function compareKnownAndUnknown(url: string, { size }: Town) {
  const isKnown: boolean[] = [];
  const begin = () => {
    const at = isKnown.length;
    // Known, unknown, unknown, known: neither always comes first.
    isKnown.push(at % 4 === 0 || at % 4 === 3);
    return isKnown[at] ? { ...newcomer(), phone: seededPhone(size - at) } : newcomer();
  };
  const limit = { visits: WARM_UP + 2 * PHONES_OF_EACH };
  const { latenciesMs } = await visit(url, [ASK_FOR_CODE], { begin, connections: 1, limit });
  const timesOf = (known: boolean) => latenciesMs.filter((_, at) => at >= WARM_UP && isKnown[at] === known);
  const [known, unknown] = [timesOf(true), timesOf(false)];
  return { knownMs: median(known), unknownMs: median(unknown), p: mannWhitney(known, unknown) };
}
