import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { env } from "@/lib/env";
import { accepted, type MailSender } from "./sender";

/**
 * Prints the code on a line of its own, after the delay that a real channel would have: `+79991234567 1234`. In the
 * demonstration it stands in for mail as well.
 */
export const consoleSender: MailSender = {
  send: async ({ to, code }) => {
    await takeTime();
    process.stdout.write(`${to} ${code}\n`);
    return accepted();
  },
  pretend: async () => {
    await takeTime();
    return accepted();
  },
};

function takeTime(): Promise<void> {
  const { min, max } = env.CONSOLE_DELAY_MS;
  return wait(randomInt(min, max + 1));
}
