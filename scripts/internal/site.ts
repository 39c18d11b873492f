import { cpSync, rmSync, writeFileSync } from "node:fs";
import { BUILD_STAMP_PATH, isSiteBuilt, stampOfSources } from "./built-site.mjs";
import { compileSqlite, isSqliteCompiled } from "./dependencies.mjs";
import { withLock } from "./lock.mjs";
import { makePreviewDatabase } from "./preview-database";
import { runNode, runSetupStep } from "./tool.mjs";

export const NEXT_PATH = "node_modules/next/dist/bin/next";
const STANDALONE_FOLDER = ".next/standalone";

/** Builds the site if it is out of date, and compiles better-sqlite3 at the same time. Throws a `Refusal` if either fails. */
export async function provideBuild() {
  if (isSiteBuilt() && isSqliteCompiled()) return;
  await withLock(async () => {
    if (!isSiteBuilt() && (await import("../../lib/env")).IS_PREVIEW) {
      await compileSqlite();
      await makePreviewDatabase();
    }
    await Promise.all([compileSqlite(), !isSiteBuilt() && buildSite()]);
  });
}

/**
 * Builds the site. The stamp file is deleted first and written last, so that a failed build has none. With
 * BUILD_STANDALONE=true, `.next/standalone` becomes a folder that runs by itself, by `scripts/standalone.mjs` in it.
 */
async function buildSite() {
  const stamp = stampOfSources();
  rmSync(BUILD_STAMP_PATH, { force: true });
  await runSetupStep(
    "Building the site",
    () => runNode([NEXT_PATH, "build"], { env: { NODE_ENV: "production" } }),
    "The site could not be built; the reasons of Next.js are above.",
  );
  if (process.env.BUILD_STANDALONE === "true") completeStandalone();
  writeFileSync(BUILD_STAMP_PATH, stamp);
}

/** Adds the files that a CDN might serve, which Next.js leaves out, and our start script. */
function completeStandalone() {
  cpSync(".next/static", `${STANDALONE_FOLDER}/.next/static`, { recursive: true });
  cpSync("public", `${STANDALONE_FOLDER}/public`, { recursive: true });
  for (const script of ["standalone.mjs", "internal/env-files.mjs", "internal/memory.mjs", "internal/node-version.mjs"])
    cpSync(`scripts/${script}`, `${STANDALONE_FOLDER}/scripts/${script}`);
}
