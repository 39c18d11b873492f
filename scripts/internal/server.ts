import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { readSettings } from "./settings";
import { NEXT } from "./site";
import { runNode } from "./tool.mjs";

type Settings = Awaited<ReturnType<typeof readSettings>>;

/**
 * Runs Next's server for development until it is asked to end, by Ctrl-C or a signal, which is success, or until it ends by
 * itself, which is not. Never returns.
 */
export async function runDevelopmentServer(env: Settings): Promise<never> {
  const server = runNode(nextArguments("dev", env), {
    env: { NODE_ENV: "development", SARAFAN_SETTINGS_TOLD: "true" },
    output: "inherit",
  });
  void greet(env);
  const { code, interrupted } = await server;
  process.exit(interrupted ? 0 : code);
}

/** With what `node` is started to serve the application in `folder`. */
export function nextArguments(mode: "start" | "dev", { HOST, PORT }: Pick<Settings, "HOST" | "PORT">, folder = ".") {
  return [NEXT, mode, folder, "-H", HOST, "-p", `${PORT}`];
}

async function greet({ HOST, PORT, APP_URL }: Settings) {
  while (!(await accepts(HOST, PORT))) await sleep(50);
  console.log(`\nSarafan is at ${APP_URL} (Ctrl-C ends it)\n`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.end());
  });
}
