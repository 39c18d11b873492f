import { checkBenchTypes } from "./checks";
import { generateClient } from "./database";
import { installDependencies } from "./dependencies.mjs";
import { setTestSettings } from "./settings";
import { buildSite } from "./site";
import { Refusal, runNode } from "./tool.mjs";
import { inTurn } from "./turns.mjs";

if (process.platform !== "linux")
  throw new Refusal("The bench reads processor time and memory from /proc, which only Linux has.");
setTestSettings();
await inTurn(async () => {
  await installDependencies("bench");
  await generateClient();
  await buildSite();
});
const types = await checkBenchTypes();
if (types.code !== 0) throw new Refusal(types.output.trim());
// A process of its own, because the types of what it imports are not there before it has been installed.
const { code } = await runNode(["--import", "tsx", "bench/main.ts", ...process.argv.slice(3)], { output: "inherit" });
process.exitCode = code;
