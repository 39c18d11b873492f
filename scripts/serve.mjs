import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { isSiteBuilt } from "./internal/built-site.mjs";
import { databaseUrl, prepareData } from "./internal/data-folder.mjs";
import { QUIET, tellWhatIsNotRead } from "./internal/env-files.mjs";
import { isInstalled } from "./internal/installed.mjs";
import { keepHeapSmall } from "./internal/memory.mjs";
import { isMigrated } from "./internal/migrations.mjs";
import { readAddress } from "./internal/port.mjs";

/** Next.js's settings as they were at the build, with all its presets. */
const BUILT_CONFIG = ".next/required-server-files.json";

/**
 * Serves the site with this very process, so that no starter stays beside it. What it takes to prepare a server (npm, TypeScript,
 * Prisma's engine, the build) runs in a process of its own, and only where a look at stamps and at the database shows that
 * something is to be done. The settings are checked there, and by instrumentation.ts at every start.
 */
export async function serve() {
  const parent = process.ppid;
  keepHeapSmall();
  Object.assign(process.env, QUIET);
  if (await isPrepared()) tellWhatIsNotRead();
  else await prepare();
  prepareData();
  endWithNpm(parent);
  await startNext();
}

/** Whether nothing is to be installed, migrated or built. False where a setting that is read here is wrong. */
async function isPrepared() {
  return readAddress() !== null && isInstalled() && isSiteBuilt() && (await isMigrated(databaseUrl()));
}

/** Runs `prepare.ts`, and ends this process when that has failed or was asked to end. */
async function prepare() {
  const { handOver, runNode } = await import("./internal/tool.mjs");
  const { code, interrupted } = await runNode(["scripts/run.mjs", "prepare"], { output: "inherit" });
  if (code !== 0 || interrupted) process.exit(code);
  handOver();
  process.env.SARAFAN_SETTINGS_TOLD = "true";
}

/** npm runs us in a shell, and some shells die of a signal that npm passes to them and leave us behind. */
function endWithNpm(parent) {
  const end = () => process.kill(process.pid, "SIGTERM");
  process.on("SIGHUP", end);
  if (!process.env.npm_lifecycle_event) return;
  setInterval(() => process.ppid === parent || end(), 500).unref();
}

/** Starts the server as the one that Next.js writes for containers does: without reading next.config.ts, and SWC to do so. */
async function startNext() {
  const { host, port } = readAddress();
  // Until the server answers to signals itself, there is nothing to wait for.
  const leave = () => process.exit(0);
  process.on("SIGINT", leave).on("SIGTERM", leave);
  process.env.NODE_ENV = "production";
  process.env.NEXT_PRIVATE_START_TIME = String(Math.round(performance.timeOrigin));
  const { config } = JSON.parse(readFileSync(BUILT_CONFIG, "utf8"));
  process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(config);
  const require = createRequire(import.meta.url);
  require("next");
  const { startServer } = require("next/dist/server/lib/start-server");
  await startServer({ dir: process.cwd(), isDev: false, hostname: host, port, allowRetry: false });
  process.off("SIGINT", leave).off("SIGTERM", leave);
  const { origin } = new URL(process.env.APP_URL || `http://localhost:${port}`);
  console.log(`\nSarafan is at ${origin} (Ctrl-C ends it)\n`);
}
