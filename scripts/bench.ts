import { checkBenchTypes } from "./internal/checks";
import { installDependencies } from "./internal/dependencies.mjs";
import { setTestSettings } from "./internal/settings";
import { provide } from "./internal/site";
import { Refusal, runNode } from "./internal/tool.mjs";

if (process.platform !== "linux")
  throw new Refusal("The bench reads processor time and memory from /proc, which only Linux has.");
setTestSettings();
await installDependencies("bench");
await provide();
const types = await checkBenchTypes();
if (types.code !== 0) throw new Refusal(types.output.trim());
// A process of its own: if this file imported bench/main.ts, its type check would fail until the bench's packages are installed.
const { code } = await runNode(["--import", "tsx", "bench/main.ts", ...process.argv.slice(3)], { output: "inherit" });
process.exitCode = code;
