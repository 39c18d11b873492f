import { createServer } from "node:net";
import { Refusal } from "./tool.mjs";

/**
 * Throws a `Refusal` when HOST and PORT can't be listened on. Reads the settings as they are, because nothing is installed yet; a
 * PORT that is not a port is left to the check of all settings.
 */
export async function refuseBusyPort() {
  const address = readAddress();
  if (!address) return;
  const { host, port } = address;
  const problem = await new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(error.code));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
  if (!problem) return;
  const reasons = {
    EADDRINUSE: `Port ${port} is taken already; choose another one: PORT=${port < 65_535 ? port + 1 : 3000} npm start`,
    EACCES: `Port ${port} is reserved on this machine; choose one above 1023: PORT=3000 npm start`,
  };
  throw new Refusal(
    reasons[problem] ??
      `HOST=${host} is not an address of this machine (${problem}); leave it out to serve this machine only.`,
  );
}

/** HOST and PORT as they are set, or their presets; null when PORT is not a port. */
export function readAddress() {
  const host = process.env.HOST || "127.0.0.1";
  const port = Number(process.env.PORT || 3000);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? { host, port } : null;
}
