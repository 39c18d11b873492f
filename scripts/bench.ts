import { checkBenchTypes } from "./internal/checks";
import { provideClientTypes } from "./internal/database";
import { installDependencies } from "./internal/dependencies.mjs";
import { setTestSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";
import { Refusal, runNode } from "./internal/tool.mjs";

if (process.platform !== "linux")
  throw new Refusal("The bench reads processor time and memory from /proc, which only Linux has.");
setTestSettings();
await installDependencies({ folder: "bench" });
await provideBuild();
await provideClientTypes();
const typeCheck = await checkBenchTypes();
if (typeCheck.code !== 0) throw new Refusal(typeCheck.output.trim());
// The bench runs in a process of its own: importing it would fail the type check until its packages are installed.
const { code } = await runNode(["--import", "tsx", "bench/main.ts", ...process.argv.slice(3)], { output: "inherit" });
process.exitCode = code;
