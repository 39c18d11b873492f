import { createServer } from "node:net";
import { Refusal } from "./refusal.mjs";

/**
 * Tries to listen on HOST and PORT, and throws a `Refusal` when that can't be. Reads the raw settings, because it runs
 * before anything is installed; a PORT that is no port is left to the check of all settings.
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
  const another = `PORT=${port < 65_535 ? port + 1 : 3000} npm start`;
  if (problem === "EADDRINUSE") throw new Refusal(`Port ${port} is taken already; choose another one: ${another}`);
  if (problem === "EACCES") {
    throw new Refusal(`Port ${port} is reserved on this machine; choose one above 1023: PORT=3000 npm start`);
  }
  throw new Refusal(
    `HOST=${host} is no address of this machine (${problem}); leave it out to serve this machine only.`,
  );
}

/** HOST and PORT as they are set, or their presets; null when the port is none. */
export function readAddress() {
  const host = process.env.HOST || "127.0.0.1";
  const port = Number(process.env.PORT || 3000);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? { host, port } : null;
}
