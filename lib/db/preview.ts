import { copyFileSync, existsSync, renameSync } from "node:fs";
import path from "node:path";

/**
 * The database of a preview before its first use: without rows, but for the mark of a demonstration. The build of a preview makes
 * it, and next.config.ts makes it part of each function.
 */
export const EMPTY_PREVIEW_PATH = "prisma/preview.db";

/**
 * Copies the empty database of a preview to the SQLite file of `url`, unless that file is there already, from a process that the
 * host has replaced by this one. Returns `url`.
 */
export function providePreviewDatabase(url: string, empty = inFunction(EMPTY_PREVIEW_PATH)): string {
  const file = url.replace(/^file:/, "");
  if (!existsSync(file)) {
    // Renaming leaves no part of a file behind when the host ends this process.
    copyFileSync(empty, `${file}.new`);
    renameSync(`${file}.new`, file);
  }
  return url;
}

/** The path of a file that next.config.ts makes part of each function. */
function inFunction(file: string): string {
  return path.join(/* turbopackIgnore: true */ process.cwd(), file);
}
