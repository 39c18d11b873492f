import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { env } from "@/lib/env";
import { accepted, type Sender } from "./sender";

/**
 * Prints the code on a line of its own, after the delay that a real channel would have: `+79991234567 1234`. In the
 * demonstration it stands in for mail as well.
 */
export const consoleSender: Sender = {
  send: async ({ to, code }) => {
    const { min, max } = env.CONSOLE_DELAY_MS;
    await wait(randomInt(min, max + 1));
    process.stdout.write(`${to} ${code}\n`);
    return accepted();
  },
};
