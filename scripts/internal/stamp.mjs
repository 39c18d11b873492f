import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

/**
 * Returns a SHA-256 in hex of the paths and contents of `sources`, which are files and folders. Missing ones are left out.
 *
 * @param {readonly string[]} sources
 * @param {(file: string) => boolean} isSource
 */
export function hashSources(sources, isSource = () => true) {
  const hash = createHash("sha256");
  for (const file of sources.flatMap(filesIn).filter(isSource).sort()) {
    hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

/**
 * Whether the stamp file is there and holds `expected`.
 *
 * @param {string} file
 * @param {string} expected
 */
export function isStampedWith(file, expected) {
  return existsSync(file) && readFileSync(file, "utf8") === expected;
}

/** @param {string} source */
function filesIn(source) {
  if (!existsSync(source)) return [];
  if (!statSync(source).isDirectory()) return [source];
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name).replaceAll("\\", "/"));
}
