import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { withLock } from "./lock.mjs";
import { runNode, runSetupStep, runTool } from "./tool.mjs";

const COMPILER_PROGRAMS = ["python3", "make", "g++"];

/** Runs `npm ci` in the folder unless its packages are installed. Throws a `Refusal` when that fails. */
export async function installDependencies(folder = ".") {
  if (isInstalled(folder)) return;
  await withLock(async () => {
    if (isInstalled(folder)) return;
    await runSetupStep(
      folder === "." ? "Installing" : `Installing ${folder}`,
      () => installWithCompiler(folder),
      hasCompiler()
        ? "npm could not install Sarafan's packages; its reasons are above."
        : "npm could not install Sarafan's packages. Where better-sqlite3 has to be compiled, that needs python3, make and g++ (Debian and Ubuntu: sudo apt-get install python3 make g++; macOS: xcode-select --install).",
    );
  });
}

async function installWithCompiler(folder) {
  const first = await runNpmCi(folder);
  if (first.code === 0 || hasCompiler() || !isDebianRoot()) return first;
  const compiler = await installDebianPackages(COMPILER_PROGRAMS, "better-sqlite3 has to be compiled");
  return compiler.code === 0 ? runNpmCi(folder) : compiler;
}

/** Whether the folder's node_modules has the packages of its package-lock.json, and runs on this Node. */
export function isInstalled(folder = ".") {
  // npm writes this file when all packages are in place.
  const record = path.join(folder, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const installed = readPackages(record);
  const wanted = Object.entries(readPackages(path.join(folder, "package-lock.json")));
  return (
    wanted.every(
      ([name, { version, optional, devOptional }]) =>
        name === "" || optional || devOptional || installed[name]?.version === version,
    ) && isBuiltForThisNode(folder)
  );
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

/** Whether better-sqlite3's compiled part can be loaded. It is made for one platform and one ABI of Node.js. */
function isBuiltForThisNode(folder) {
  try {
    const Database = createRequire(path.resolve(folder, "package.json"))("better-sqlite3");
    new Database(":memory:").close();
    return true;
  } catch {
    return false;
  }
}

function runNpmCi(folder) {
  // The build needs the types among the development packages, so NODE_ENV must not leave them out.
  const args = ["ci", "--prefix", folder, "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  // If this Node.js came with its C headers, npm need not download them to compile packages.
  const headers = path.resolve(process.execPath, "../..");
  const env = existsSync(path.join(headers, "include/node/node.h")) ? { npm_config_nodedir: headers } : {};
  const npm = findNpm();
  return npm ? runNode([npm, ...args], { env }) : runTool("npm", args, { env });
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
