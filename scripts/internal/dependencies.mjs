import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isInstalled, STAMP, stampOf } from "./installed.mjs";
import { runNode, runTool, takeStep } from "./tool.mjs";

/** Runs `npm ci` in the folder unless its node_modules is what its package-lock.json asks for, built for this Node. */
export async function installDependencies(folder = ".") {
  if (isInstalled(folder)) return;
  await takeStep(
    folder === "." ? "Installing" : `Installing ${folder}`,
    () => installWithCompiler(folder),
    hasCompiler()
      ? "npm could not install what Sarafan is made of; its reasons are above."
      : "npm could not install what Sarafan is made of. Where better-sqlite3 has to be compiled, that needs python3, make and g++ (Debian and Ubuntu: sudo apt-get install python3 make g++; macOS: xcode-select --install).",
  );
  writeFileSync(path.join(folder, STAMP), stampOf(folder));
}

async function installWithCompiler(folder) {
  const first = await runNpmCi(folder);
  if (first.code === 0 || first.interrupted || hasCompiler() || !isDebianRoot()) return first;
  const compiler = await installDebianPackages(["python3", "make", "g++"]);
  return compiler.code === 0 ? runNpmCi(folder) : compiler;
}

function runNpmCi(folder) {
  // Without development's packages there are no types, and without types no build, so NODE_ENV must not drop them.
  const args = ["ci", "--prefix", folder, "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const headers = path.resolve(process.execPath, "../..");
  const env =
    !process.env.npm_config_nodedir && existsSync(path.join(headers, "include/node/node.h"))
      ? { npm_config_nodedir: headers }
      : {};
  const npm = findNpm();
  return npm ? runNode([npm, ...args], { env }) : runTool("npm", args, { env });
}

/** npm's own script: the npm that runs us, or the one that came with this Node. */
function findNpm() {
  const bin = "node_modules/npm/bin/npm-cli.js";
  const folder = path.dirname(process.execPath);
  const caller = process.env.npm_execpath ?? "";
  return [
    ...(path.basename(caller) === "npm-cli.js" ? [caller] : []),
    path.join(folder, "../lib", bin),
    path.join(folder, bin),
  ].find((file) => existsSync(file));
}

function hasCompiler() {
  return process.platform === "win32" || ["python3", "make", "g++"].every((name) => findOnPath(name));
}

/** The full path of a program, or undefined. */
export function findOnPath(name) {
  return (process.env.PATH ?? "")
    .split(path.delimiter)
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}

/** Whether this is a machine, most likely a container, that is ours to install Debian's packages on. */
export function isDebianRoot() {
  return process.getuid?.() === 0 && existsSync("/etc/debian_version") && findOnPath("apt-get") !== undefined;
}

/** @param {string[]} names */
export async function installDebianPackages(names) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await runTool("apt-get", ["update"], { env });
  return runTool("apt-get", ["install", "-y", "--no-install-recommends", ...names], { env });
}
