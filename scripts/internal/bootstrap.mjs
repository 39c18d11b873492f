import { loadEnvFiles } from "./env-files.mjs";
import { refuseBusyPort } from "./port.mjs";

/** The tasks that answer to the settings in files; checks and tests have settings of their own. */
const TASKS_WITH_ENV_FILE = ["serve", "prepare", "dev", "build", "migrate", "seed", "backup", "restore", "gateway"];
const TASKS_THAT_LISTEN = ["serve", "dev"];

/** Gets a clone to where it can run TypeScript, then runs `<name>.ts`. What would stop it later is looked at first. */
export async function runTask(name) {
  if (TASKS_WITH_ENV_FILE.includes(name)) loadEnvFiles();
  if (TASKS_THAT_LISTEN.includes(name)) await refuseBusyPort();
  if (name === "serve") return (await import("../serve.mjs")).serve();
  const [{ installDependencies }, { inTurn }] = await Promise.all([
    import("./dependencies.mjs"),
    import("./turns.mjs"),
  ]);
  await inTurn(installDependencies);
  const { register } = await import("tsx/esm/api");
  register();
  await import(`../${name}.ts`);
}
