import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import path from "node:path";

/** Returns the paths of all files and links in a folder and those below it, relative to the folder. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** Gives a file a second name in another folder, or copies it to another disk. Copies a link as a link. Makes the folder. */
export function linkEntry(source: string, target: string): void {
  mkdirSync(path.dirname(target), { recursive: true });
  try {
    if (lstatSync(source).isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    copyFileSync(source, target);
  }
}

/** Copies the files of this checkout that Git has or would add into a folder. */
export function copyCheckout(folder: string): void {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).toString();
  for (const file of list.split("\0").filter((name) => name && existsSync(name))) cpSync(file, path.join(folder, file));
}
