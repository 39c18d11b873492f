import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { env } from "@/lib/env";
import type { Sender } from "./sender";

/** Prints the code on a line of its own, after the delay that a real channel would have: `+79991234567 1234`. */
export const consoleSender: Sender = {
  send: async ({ to, code }) => {
    await takeTime();
    process.stdout.write(`${to} ${code}\n`);
    return true;
  },
  pretend: async () => {
    await takeTime();
    return true;
  },
};

function takeTime(): Promise<void> {
  const { min, max } = env.CONSOLE_DELAY_MS;
  return wait(randomInt(min, max + 1));
}
