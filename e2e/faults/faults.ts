import { test as base } from "../fixtures";

export { expect } from "../fixtures";

/** The extent of each fault: `npm run test:faults` has more than `npm test`. */
export interface Extent {
  /** The number of times that a server is killed. */
  rounds: number;
  /** How long a database is away. */
  awayMs: number;
}

export const test = base.extend<Extent>({
  rounds: [3, { option: true }],
  awayMs: [3000, { option: true }],
});
