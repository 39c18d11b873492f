import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** The file that says what was installed, and for which Node. */
export const STAMP = "node_modules/.sarafan-installed";
/** npm's own record of what it has put into node_modules; it writes it when all is in place. */
const INSTALLED = "node_modules/.package-lock.json";

/** Whether the folder's node_modules is what its package-lock.json asks for, built for this Node. */
export function isInstalled(folder = ".") {
  const stampFile = path.join(folder, STAMP);
  return existsSync(stampFile) ? readFileSync(stampFile, "utf8") === stampOf(folder) : wasInstalledByHand(folder);
}

/**
 * What the stamp says of an installation that is as it should be.
 *
 * @param {string} folder
 */
export function stampOf(folder) {
  const { platform, arch, versions } = process;
  return `${createHash("sha256").update(readLock(folder)).digest("hex")} ${platform} ${arch} ${versions.modules}`;
}

/**
 * Somebody ran `npm ci` or `npm install` before us, as in a container's layer: every package that must be is there.
 *
 * @param {string} folder
 */
function wasInstalledByHand(folder) {
  const record = path.join(folder, INSTALLED);
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(JSON.parse(readLock(folder)).packages).every(
    ([name, { version, optional, devOptional }]) =>
      name === "" || optional || devOptional || installed[name]?.version === version,
  );
}

/** @param {string} folder */
function readLock(folder) {
  return readFileSync(path.join(folder, "package-lock.json"), "utf8");
}
