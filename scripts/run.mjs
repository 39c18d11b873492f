// Runs a task of this folder on any clone: `node scripts/run.mjs serve`. It runs before packages are installed, and a Node.js
// that is too old must be able to parse it.
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const task = process.argv[2];

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const range = JSON.parse(readFileSync("package.json", "utf8")).engines.node;

if (task !== "serve" && !existsSync(`scripts/${task}.ts`))
  fail(`There is no task ${task}: see the scripts of package.json.`);
if (!isNodeIn(range)) {
  const oldest = /[\d.]+/.exec(range)[0];
  fail(`Sarafan needs Node ${oldest} or newer (${range}); this is ${process.version}. See https://nodejs.org.`);
}

import("./internal/bootstrap.mjs")
  .then(({ runTask }) => runTask(task))
  .catch((error) => fail(["Refusal", "SettingsError"].includes(error.name) ? error.message : error));

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

/** Whether this Node.js is in `range`, which has the form `^20.19 || >=24`. */
function isNodeIn(range) {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return range.split("||").some((part) => {
    const [, sign, wantedMajor, wantedMinor] = /(\^|>=)(\d+)(?:\.(\d+))?/.exec(part);
    if (major === Number(wantedMajor)) return minor >= Number(wantedMinor || 0);
    return sign === ">=" && major > Number(wantedMajor);
  });
}
