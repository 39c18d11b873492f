import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { env } from "@/lib/env";
import { accepted, type Sender } from "./sender";

/**
 * Prints the recipient and the code on one line (`+79451234567 1234`), after a delay of `CONSOLE_DELAY_MS` that imitates a real
 * provider. A demonstration without `SMTP_URL` uses this sender for mail as well.
 */
export const consoleSender: Sender = {
  send: async ({ to, code }) => {
    const { min, max } = env.CONSOLE_DELAY_MS;
    await wait(randomInt(min, max + 1));
    process.stdout.write(`${to} ${code}\n`);
    return accepted();
  },
};
