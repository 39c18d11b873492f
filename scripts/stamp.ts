import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

/** One hash over files, and over all files in folders, by path and content; what is missing is left out. */
export function hashSources(sources: readonly string[], isSource: (file: string) => boolean = () => true): string {
  const hash = createHash("sha256");
  for (const file of sources.flatMap(filesIn).filter(isSource).sort()) {
    hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

/** Whether the stamp file is there and says `expected`. */
export function isStampedWith(file: string, expected: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8") === expected;
}

function filesIn(source: string): string[] {
  if (!existsSync(source)) return [];
  if (!statSync(source).isDirectory()) return [source];
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name).replaceAll("\\", "/"));
}
