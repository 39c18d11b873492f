import { hashSources, isStampedWith } from "./stamp.mjs";

/** The file that holds a hash of the sources that the site was built from. */
export const BUILD_STAMP_PATH = ".next/sources";

/** The files and folders that a build depends on. */
const SOURCES = [
  "app",
  "components",
  "lib",
  "messages",
  "public",
  "instrumentation.ts",
  "next.config.ts",
  "postcss.config.mjs",
  "proxy.ts",
  "tailwind.config.ts",
  "tsconfig.json",
  "package.json",
  "package-lock.json",
];

/**
 * Whether a build may depend on this file of its sources. Of Prisma's generated clients only the part that runs is in git and in the
 * build; the rest are types.
 *
 * @param {string} file
 */
export const isBuiltFrom = (file) =>
  (!file.startsWith("lib/db/generated/") || file.endsWith("/class.ts")) && !/\.test(-d)?\.tsx?$/.test(file);

/** Returns the stamp that a build of the present sources gets. */
export function stampOfSources() {
  const { BUILD_STANDALONE, VERCEL, ALLOW_DEMO, DATABASE_URL } = process.env;
  // A build for Vercel has headers in its configuration, and one for a preview has an empty database.
  const host = VERCEL ? ` vercel ${ALLOW_DEMO} ${!DATABASE_URL}` : "";
  return hashSources(SOURCES, isBuiltFrom) + (BUILD_STANDALONE === "true" ? " standalone" : "") + host;
}

/** Whether the site has been built from the present sources. */
export function isSiteBuilt() {
  return isStampedWith(BUILD_STAMP_PATH, stampOfSources());
}
