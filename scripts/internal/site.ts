import { cpSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { BUILD_STAMP, isSiteBuilt, stampOfSources } from "./built-site.mjs";
import { runNode, takeStep } from "./tool.mjs";

export const NEXT = "node_modules/next/dist/bin/next";
const STANDALONE = ".next/standalone";

/**
 * Builds the site unless it has been built from these very sources. The stamp is taken off first and put on last. With
 * BUILD_STANDALONE=true, `.next/standalone` is a folder that runs by itself: `node .next/standalone/scripts/standalone.mjs`.
 */
export async function buildSite() {
  if (isSiteBuilt()) return;
  const stamp = stampOfSources();
  rmSync(BUILD_STAMP, { force: true });
  await takeStep(
    "Building",
    () => runNode([NEXT, "build"], { env: { NODE_ENV: "production" } }),
    "The site could not be built; Next's reasons are above.",
  );
  if (process.env.BUILD_STANDALONE === "true") completeStandalone();
  writeFileSync(BUILD_STAMP, stamp);
}

/** Next leaves out what a CDN might serve, and knows nothing of how we start it. */
function completeStandalone() {
  cpSync(".next/static", `${STANDALONE}/.next/static`, { recursive: true });
  if (existsSync("public")) cpSync("public", `${STANDALONE}/public`, { recursive: true });
  for (const script of ["standalone.mjs", "internal/env-files.mjs", "internal/memory.mjs"])
    cpSync(`scripts/${script}`, `${STANDALONE}/scripts/${script}`);
}
