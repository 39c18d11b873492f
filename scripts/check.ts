import { checkSources } from "./checks";
import { generateClient } from "./database";
import { setTestSettings } from "./settings";
import { runNode } from "./tool.mjs";

setTestSettings();
await generateClient();
const failed = await checkSources();
const core = await runNode(
  ["node_modules/playwright/cli.js", "test", "--project=core", "--pass-with-no-tests", ...process.argv.slice(3)],
  { output: "inherit" },
);
if (core.code !== 0) failed.push("core tests");
if (failed.length > 0) console.error(`\nFailed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
