import { createServer } from "node:net";
import { Refusal } from "./tool.mjs";

/**
 * Throws a `Refusal` when the address can't be listened on, with a command that chooses another port. Without an address it takes HOST
 * and PORT. It reads both unchecked, because no packages are installed yet. The later check of all settings refuses a PORT that is
 * not a port.
 *
 * @param {{ host: string, port: number } | null} [address]
 * @param {string} [command]
 */
export async function refuseBusyPort(address = readAddress(), command = otherPort(address)) {
  if (!address) return;
  const { host, port } = address;
  const problem = await new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(error.code));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
  if (!problem) return;
  const reasons = {
    EADDRINUSE: `Port ${port} is taken already; choose another one: ${command}`,
    EACCES: `Port ${port} is reserved on this machine; choose one above 1023: PORT=3000 npm start`,
  };
  throw new Refusal(
    reasons[problem] ??
      `HOST=${host} is not an address of this machine (${problem}); leave it out to serve this machine only.`,
  );
}

/** @param {{ port: number } | null} address */
const otherPort = (address) => `PORT=${address && address.port < 65_535 ? address.port + 1 : 3000} npm start`;

/** Returns HOST and PORT, or their defaults; null if PORT is not a port. */
export function readAddress() {
  const host = process.env.HOST || "127.0.0.1";
  const port = Number(process.env.PORT || 3000);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? { host, port } : null;
}
