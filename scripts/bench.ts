import { checkBenchTypes } from "./checks";
import { generateClient } from "./database";
import { installDependencies } from "./dependencies.mjs";
import { setTestSettings } from "./settings";
import { buildSite } from "./site";
import { Refusal } from "./tool.mjs";

setTestSettings();
await installDependencies("bench");
await generateClient();
await buildSite();
const types = await checkBenchTypes();
if (types.code !== 0) throw new Refusal(types.output.trim());
await import("../bench/main");
