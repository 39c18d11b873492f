import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { isMigrated } from "../lib/db/migrator.mjs";
import { isSiteBuilt } from "./internal/built-site.mjs";
import { databaseUrl, prepareData } from "./internal/data-folder.mjs";
import { isInstalled } from "./internal/dependencies.mjs";
import { QUIET, tellWhatIsNotRead } from "./internal/env-files.mjs";
import { keepHeapSmall } from "./internal/memory.mjs";
import { recommendNode } from "./internal/node-version.mjs";
import { readAddress } from "./internal/port.mjs";
import { runNode } from "./internal/tool.mjs";

/** The file with Next.js's complete configuration, as it was at the build. */
const BUILT_CONFIG = ".next/required-server-files.json";

/**
 * Serves the site in this process. If anything has to be prepared (packages, Prisma's clients, the database, the build),
 * another process does it first. That process checks the settings, and so does instrumentation.ts at every start.
 */
export async function serve() {
  keepHeapSmall();
  recommendNode();
  Object.assign(process.env, QUIET);
  if (await isPrepared()) tellWhatIsNotRead();
  else await prepare();
  prepareData();
  await startNext();
}

/** Whether packages, build and database are up to date. Also false if PORT is wrong, so that `prepare.ts` reports it. */
async function isPrepared() {
  return readAddress() !== null && isInstalled() && isSiteBuilt() && (await isMigrated(databaseUrl()));
}

/** Runs `prepare.ts`. If that fails, this process ends with the same exit code. */
async function prepare() {
  const { code } = await runNode(["scripts/run.mjs", "prepare"], { output: "inherit" });
  if (code !== 0) process.exit(code);
  process.env.SARAFAN_SETTINGS_TOLD = "true";
}

/** Starts Next.js with the configuration of the build, as its standalone server does: next.config.ts and SWC are not loaded. */
async function startNext() {
  const { host, port } = readAddress();
  // Until the server handles signals itself, there are no requests, so a signal ends the process at once.
  const leave = () => process.exit(0);
  process.on("SIGINT", leave).on("SIGTERM", leave);
  // After a terminal was closed the server finishes its requests, as after SIGTERM.
  process.on("SIGHUP", () => process.kill(process.pid, "SIGTERM"));
  process.env.NODE_ENV = "production";
  // Next.js prints how long its own start took.
  process.env.NEXT_PRIVATE_START_TIME = String(Date.now());
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
