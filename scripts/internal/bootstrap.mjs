import { pathToFileURL } from "node:url";
import { loadEnvFiles } from "./env-files.mjs";
import { refuseBusyPort } from "./port.mjs";

/** The tasks that choose their settings themselves, and so read no files of settings. */
const TASKS_WITHOUT_FILES = ["test", "faults", "vercel", "check", "bench", "migration", "format", "node-versions"];
/** The tasks that need more packages than serving does. */
const TASKS_OF_DEVELOPERS = [...TASKS_WITHOUT_FILES, "gateway"];
/** The tasks that build the site before they open a database, and compile better-sqlite3 while the site is built. */
const TASKS_THAT_BUILD = ["prepare", "build", "test"];
const TASKS_THAT_LISTEN = ["serve", "dev"];

const LOOK_FOR_PARENT_EVERY_MS = 500;

/** Reads the files of settings, checks the port, installs packages and runs `<name>.ts`. For `serve` it installs nothing. */
export async function runTask(name) {
  if (process.env.npm_lifecycle_event) endWithParent();
  if (!TASKS_WITHOUT_FILES.includes(name)) loadEnvFiles();
  if (TASKS_THAT_LISTEN.includes(name)) await refuseBusyPort();
  if (name === "serve") return (await import("../serve.mjs")).serve();
  await (await import("./dependencies.mjs")).installDependencies({
    dev: TASKS_OF_DEVELOPERS.includes(name),
    later: TASKS_THAT_BUILD.includes(name),
  });
  const bundled = TASKS_OF_DEVELOPERS.includes(name)
    ? null
    : await (await import("./bundle.mjs")).bundle(`scripts/${name}.ts`);
  if (bundled) return import(pathToFileURL(bundled).href);
  (await import("tsx/esm/api")).register();
  await import(`../${name}.ts`);
}

/**
 * Ends this process by SIGTERM when its parent process has ended. npm runs a task in a shell and passes SIGTERM to the shell
 * only; dash (Debian's sh) dies of it and leaves the task running.
 */
function endWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_FOR_PARENT_EVERY_MS).unref();
}
