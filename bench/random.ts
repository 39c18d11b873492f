/** Pseudo-random numbers, the same in every run. */
export interface Random {
  /** Returns a number from 0 to below 1. */
  next(): number;
  /** Returns a number of events with the expected value `mean` (Poisson). */
  count(mean: number): number;
}

/** Returns the numbers of this seed (Mulberry32 by Tommy Ettinger). */
export function seededRandom(seed: number): Random {
  let state = seed;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  function count(mean: number): number {
    if (mean > EXACT_MEAN_MAX) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
    const end = Math.exp(-mean);
    let events = 0;
    for (let product = next(); product > end; product *= next()) events += 1;
    return events;
  }
  /** A standard normal variable, by Box and Muller. */
  function normal(): number {
    return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  }
  return { next, count };
}

/** From this mean on the normal approximation is exact enough, and cheaper. */
const EXACT_MEAN_MAX = 200;
