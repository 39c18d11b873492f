import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that systems choose by themselves, and above the highest that browsers refuse, which is 10080. */
const FIRST_PORT = 11_000;
const PORT_COUNT = 20_000;

let lastOffset = randomInt(PORT_COUNT);

/** Finds a free TCP port of this machine. The system gives such a port only to a process that asks for its number. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < PORT_COUNT; tries += 1) {
    lastOffset = (lastOffset + 1) % PORT_COUNT;
    const port = FIRST_PORT + lastOffset;
    if (await isFree(port)) return port;
  }
  throw new Error("No port of this machine is free.");
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
