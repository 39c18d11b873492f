import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { env } from "@/lib/env";
import type { Sender } from "./sender";

/** Prints the code on a line of its own, after the delay that a real channel would have: `+79991234567 1234`. */
export const sendToConsole: Sender = async ({ phone, code }) => {
  const { min, max } = env.CONSOLE_DELAY_MS;
  await wait(randomInt(min, max + 1));
  process.stdout.write(`${phone} ${code}\n`);
  return true;
};
