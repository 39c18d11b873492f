import { cpSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { hashSources, isStampedWith } from "./stamp";
import { runNode, takeStep } from "./tool.mjs";

export const NEXT = "node_modules/next/dist/bin/next";
const BUILD_STAMP = ".next/sources";
const STANDALONE = ".next/standalone";

/** What a build is made of. What has no part in it, such as tests, may change without a new one. */
const SOURCES = [
  "app",
  "components",
  "lib",
  "messages",
  "public",
  "prisma/schema.prisma",
  "prisma/postgresql/schema.prisma",
  "instrumentation.ts",
  "next.config.ts",
  "postcss.config.mjs",
  "proxy.ts",
  "tailwind.config.ts",
  "tsconfig.json",
  "package.json",
  "package-lock.json",
];

const isSource = (file: string) => !file.startsWith("lib/db/generated/") && !/\.test(-d)?\.tsx?$/.test(file);

/**
 * Builds the site unless it has been built from these very sources. The stamp is taken off first and put on last. With
 * BUILD_STANDALONE=true, `.next/standalone` is a folder that runs by itself: `node .next/standalone/scripts/standalone.mjs`.
 */
export async function buildSite() {
  const isStandalone = process.env.BUILD_STANDALONE === "true";
  const sources = hashSources(SOURCES, isSource) + (isStandalone ? " standalone" : "");
  if (isStampedWith(BUILD_STAMP, sources)) return;
  rmSync(BUILD_STAMP, { force: true });
  await takeStep(
    "Building",
    () => runNode([NEXT, "build"], { env: { NODE_ENV: "production" } }),
    "The site could not be built; Next's reasons are above.",
  );
  if (isStandalone) completeStandalone();
  writeFileSync(BUILD_STAMP, sources);
}

/** Next leaves out what a CDN might serve, and knows nothing of how we start it. */
function completeStandalone() {
  cpSync(".next/static", `${STANDALONE}/.next/static`, { recursive: true });
  if (existsSync("public")) cpSync("public", `${STANDALONE}/public`, { recursive: true });
  for (const script of ["standalone.mjs", "env-files.mjs"])
    cpSync(`scripts/${script}`, `${STANDALONE}/scripts/${script}`);
}
