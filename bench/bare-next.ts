import { rmSync, writeFileSync } from "node:fs";
import { cleanEnvironment } from "../scripts/internal/environment";
import { findFreePort } from "../scripts/internal/free-port";
import { NEXT_PATH } from "../scripts/internal/site";
import { hashSources, isStampedWith } from "../scripts/internal/stamp.mjs";
import { runNode, runSetupStep } from "../scripts/internal/tool.mjs";
import { type Contestant, newcomer } from "./contestant";
import { visit } from "./load";
import { startServer } from "./server";

/** Its name in the tables. */
export const BARE_NEXT = "Next.js alone";

const FOLDER = "bench/next";
const STAMP = `${FOLDER}/.next/sources`;
const LIVE = { path: "/api/live" };

/** Next.js with one route handler and nothing else: the upper bound for a product on it. */
export async function enterBareNext({ connections }: { connections: number }): Promise<Contestant> {
  await build();
  const port = await findFreePort();
  const server = await startServer({
    args: [NEXT_PATH, "start", FOLDER, "-H", "127.0.0.1", "-p", `${port}`],
    env: cleanEnvironment({ NODE_ENV: "production" }),
    port,
    ...LIVE,
  });
  return {
    name: BARE_NEXT,
    server,
    rows: [
      {
        part: "empty",
        label: "empty route",
        drive: (seconds) => visit(server, [LIVE], { begin: newcomer, connections, limit: { seconds } }),
      },
    ],
  };
}

async function build() {
  const sources = hashSources([`${FOLDER}/app`, `${FOLDER}/next.config.mjs`, "package-lock.json"]);
  if (isStampedWith(STAMP, sources)) return;
  rmSync(STAMP, { force: true });
  await runSetupStep(
    "Building Next.js alone",
    () => runNode([NEXT_PATH, "build", FOLDER], { env: { NODE_ENV: "production" } }),
    "The bare application could not be built; Next's reasons are above.",
  );
  writeFileSync(STAMP, sources);
}
