import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Systems give higher ports to connections, and to listeners that name none. Browsers refuse some of the lower ones. */
const FIRST_PORT = 11_000;
const PORTS = 20_000;

let tried = randomInt(PORTS);

/** Finds a TCP port of this machine that is free, and that only a process that names it takes before the caller does. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < PORTS; tries += 1) {
    tried = (tried + 1) % PORTS;
    if (await isFree(FIRST_PORT + tried)) return FIRST_PORT + tried;
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
