import { test as base } from "../fixtures";

export { expect } from "../fixtures";

/** How much of each accident there is: `npm run test:faults` wants more than `npm test`. */
export interface Extent {
  /** How often a server is killed. */
  rounds: number;
  /** How long a database is away. */
  awayMs: number;
}

export const test = base.extend<Extent>({
  rounds: [3, { option: true }],
  awayMs: [3000, { option: true }],
});
