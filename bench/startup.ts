import type { Goal } from "./goals";
import { sarafanOn, startSarafan } from "./sarafan";
import { median } from "./statistics";
import type { Store } from "./stores";

const START_S_MAX = 1.2;

/** Measures the time from `npm start` of a built site on a migrated database to its first answer, while other servers run. */
export async function measureStarts(store: Store, starts: number): Promise<Goal> {
  const times: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const server = await startSarafan(store.urls.sarafan);
    times.push(server.startedInMs / 1000);
    await server.stop();
  }
  return { text: `${sarafanOn(store.name)}: start-up, s`, bound: { most: START_S_MAX }, value: median(times) };
}
