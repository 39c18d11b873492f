// Runs one task of this folder on any clone: `node scripts/run.mjs serve`. Nothing is installed yet when it starts, and
// a Node that is too old has to be able to read it, so no syntax here is younger than `import()`.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const TASKS = [
  "serve",
  "prepare",
  "dev",
  "build",
  "migrate",
  "migration",
  "test",
  "faults",
  "check",
  "seed",
  "backup",
  "restore",
  "bench",
  "gateway",
];
const task = process.argv[2];

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const wanted = JSON.parse(readFileSync("package.json", "utf8")).engines.node;

if (!TASKS.includes(task)) fail(`There is no task ${task}: choose one of ${TASKS.join(", ")}.`);
if (!isNodeAmong(wanted)) {
  fail(
    `Sarafan needs Node ${oldest(wanted)} or newer (${wanted}); this is ${process.version}. See https://nodejs.org.`,
  );
}

import("./internal/bootstrap.mjs")
  .then((bootstrap) => bootstrap.runTask(task))
  .catch((error) => fail(["Refusal", "SettingsError"].includes(error.name) ? error.message : error));

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

/** Whether this Node is in a range such as `^20.19 || >=24`; other forms are not understood. */
function isNodeAmong(range) {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return range.split("||").some((part) => {
    const [, sign, wantedMajor, wantedMinor] = /^(\^|>=)(\d+)(?:\.(\d+))?$/.exec(part.trim());
    if (major === Number(wantedMajor)) return minor >= Number(wantedMinor || 0);
    return sign === ">=" && major > Number(wantedMajor);
  });
}

function oldest(range) {
  return /[\d.]+/.exec(range)[0];
}
