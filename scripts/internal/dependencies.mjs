import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { withLock } from "./lock.mjs";
import { runNode, runSetupStep, runTool } from "./tool.mjs";

const COMPILER_PROGRAMS = ["python3", "make", "g++"];

/**
 * Installs what is missing of the packages that serving needs and, with `dev`, of those for tests and checks as well. The latter
 * stay if they are there. Leaves better-sqlite3 to a caller that wants it to be compiled `later`, by `compileSqlite`. Throws a
 * `Refusal` when that fails.
 */
export async function installDependencies({ folder = ".", dev = false, later = false } = {}) {
  if (hasPackages(folder, dev) && (later || isSqliteCompiled())) return;
  await withLock(async () => {
    const isWanted = dev || hasDevPackages(folder);
    const reasons = "npm could not install Sarafan's packages; its reasons are above.";
    if (!hasPackages(folder)) {
      const label =
        folder === "." ? "Installing the packages that serving needs" : `Installing the packages of ${folder}`;
      await runSetupStep(label, () => runNpm(["ci", "--prefix", folder, "--omit=dev", "--ignore-scripts"]), reasons);
    }
    if (!later) await compileSqlite();
    // `npm ci` would delete what is there, and better-sqlite3 would be compiled again.
    const add = () => runNpm(["install", "--prefix", folder, "--no-save", "--include=dev"]);
    if (isWanted && !hasPackages(folder, true))
      await runSetupStep("Adding the packages for tests and checks", add, reasons);
  });
}

/** Whether the packages are installed that serving needs, with `dev` also those for tests and checks, and run on this Node.js. */
export function isInstalled({ folder = ".", dev = false } = {}) {
  return hasPackages(folder, dev) && isSqliteCompiled();
}

/** Whether the folder's node_modules has the packages of its package-lock.json; those for development only if `dev`. */
function hasPackages(folder, dev = false) {
  const installed = readPackages(recordOf(folder));
  return Object.entries(readPackages(path.join(folder, "package-lock.json"))).every(
    ([name, { version, optional, devOptional, dev: isDev }]) =>
      name === "" || optional || devOptional || (isDev && !dev) || installed[name]?.version === version,
  );
}

function hasDevPackages(folder) {
  return Object.values(readPackages(recordOf(folder))).some(({ dev }) => dev);
}

/** The file that npm writes when all packages are in place. */
function recordOf(folder) {
  return path.join(folder, "node_modules/.package-lock.json");
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}

/** Whether better-sqlite3's compiled part can be loaded. It is made for one platform and one ABI of Node.js. */
export function isSqliteCompiled() {
  try {
    const Database = createRequire(import.meta.url)("better-sqlite3");
    new Database(":memory:").close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes better-sqlite3 run its install script, unless its compiled part is there. The script downloads that part, or else compiles
 * it. Throws a `Refusal` when that fails.
 */
export async function compileSqlite() {
  if (isSqliteCompiled()) return;
  await runSetupStep(
    "Downloading or compiling better-sqlite3",
    async () => {
      const build = () => runNpm(["rebuild", "better-sqlite3"], { JOBS: "max" });
      const first = await build();
      if (first.code === 0 || hasCompiler() || !isDebianRoot()) return first;
      const compiler = await installDebianPackages(COMPILER_PROGRAMS, "better-sqlite3 has to be compiled");
      return compiler.code === 0 ? build() : compiler;
    },
    hasCompiler()
      ? "better-sqlite3 could not be compiled; the reasons are above."
      : "To compile better-sqlite3, python3, make and g++ are needed (Debian and Ubuntu: sudo apt-get install python3 make g++; macOS: xcode-select --install).",
  );
}

/** Runs npm with `args`, quietly. Resolves to its exit code and output. */
export function runNpm(args, env = {}) {
  const options = ["--no-audit", "--no-fund", "--loglevel=error"];
  // If this Node.js came with its C headers, npm need not download them to compile packages.
  const headers = path.resolve(process.execPath, "../..");
  if (existsSync(path.join(headers, "include/node/node.h"))) env.npm_config_nodedir = headers;
  const npm = findNpm();
  return npm ? runNode([npm, ...args, ...options], { env }) : runTool("npm", [...args, ...options], { env });
}

/** Finds the script of the npm that runs us, or that came with this Node.js. On Windows `npm` itself can't be run. */
function findNpm() {
  const bin = "node_modules/npm/bin/npm-cli.js";
  const folder = path.dirname(process.execPath);
  const caller = process.env.npm_execpath ?? "";
  const places = [path.join(folder, "../lib", bin), path.join(folder, bin)];
  return path.basename(caller) === "npm-cli.js" ? caller : places.find((file) => existsSync(file));
}

function hasCompiler() {
  return process.platform === "win32" || COMPILER_PROGRAMS.every((name) => findOnPath(name));
}

/** Finds the full path of a program on PATH, or undefined. */
export function findOnPath(name) {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

/** Whether this process may install Debian's packages: root on Debian or Ubuntu, most likely in a container. */
export function isDebianRoot() {
  return process.getuid?.() === 0 && existsSync("/etc/debian_version") && findOnPath("apt-get") !== undefined;
}

/**
 * Says on stdout that Debian's packages are installed as root, and why, and installs them.
 *
 * @param {string[]} names
 * @param {string} reason
 */
export async function installDebianPackages(names, reason) {
  console.log(`\nInstalling Debian's ${names.join(", ")} as root, because ${reason}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await runTool("apt-get", ["update"], { env });
  return runTool("apt-get", ["install", "-y", "--no-install-recommends", ...names], { env });
}
