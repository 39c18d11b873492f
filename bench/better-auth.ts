import { cleanEnvironment } from "../scripts/internal/environment";
import { findFreePort } from "../scripts/internal/free-port";
import { type Contestant, newcomer, returning } from "./contestant";
import { expectSession, type Step, type Visitor, visit } from "./load";
import { betterAuthSeed, type Town } from "./seed";
import { startServer } from "./server";
import { STORES, type Store, type StoreName } from "./stores";

const SEND_OTP: Step = {
  path: "/api/auth/phone-number/send-otp",
  body: ({ phone }) => ({ phoneNumber: phone }),
  read: (visitor, { headers }) => {
    visitor.code = String(headers.code);
  },
};
const VERIFY: Step = {
  path: "/api/auth/phone-number/verify",
  body: ({ phone, code }) => ({ phoneNumber: phone, code }),
};
const GET_SESSION: Step = { path: "/api/auth/get-session", read: expectSession };

/** The name of better-auth on this database in the tables. */
export function betterAuthOn(name: StoreName): string {
  return `better-auth on ${STORES[name]}`;
}

/** better-auth with its phone plugin, with as many accounts as the town has. */
export async function enterBetterAuth(
  store: Store,
  town: Town,
  { connections }: { connections: number },
): Promise<Contestant> {
  const port = await findFreePort();
  const url = store.urls.betterAuth;
  const server = await startServer({
    args: ["--import", "tsx", "bench/better-auth-server.ts", `${port}`, url],
    env: cleanEnvironment({ NODE_ENV: "production" }),
    port,
    path: "/api/auth/ok",
  });
  // By now it has made its tables.
  await store.run(url, betterAuthSeed(town));

  const visitor = newcomer();
  const flow = [SEND_OTP, VERIFY, GET_SESSION];
  await visit(server, flow, { begin: () => visitor, connections: 1, limit: { visits: 1 } });
  const drive = (steps: Step[], begin: () => Visitor) => (seconds: number) =>
    visit(server, steps, { begin, connections, limit: { seconds } });
  return {
    name: betterAuthOn(store.name),
    server,
    rows: [
      { part: "session", label: "session check", drive: drive([GET_SESSION], returning(visitor)) },
      { part: "login", label: "full login", drive: drive(flow, newcomer) },
    ],
  };
}
