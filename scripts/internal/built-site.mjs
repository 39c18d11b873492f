import { hashSources, isStampedWith } from "./stamp.mjs";

/** The file that says of which sources the site was built. */
export const BUILD_STAMP = ".next/sources";

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

/** @param {string} file */
const isSource = (file) => !file.startsWith("lib/db/generated/") && !/\.test(-d)?\.tsx?$/.test(file);

/** What the stamp says of a build of the sources as they are now. */
export function stampOfSources() {
  return hashSources(SOURCES, isSource) + (process.env.BUILD_STANDALONE === "true" ? " standalone" : "");
}

/** Whether the site has been built, and of the sources as they are now. */
export function isSiteBuilt() {
  return isStampedWith(BUILD_STAMP, stampOfSources());
}
