import { BIOME_PATH } from "./internal/checks";
import { runNode } from "./internal/tool.mjs";

const { code } = await runNode([BIOME_PATH, "check", "--write", ...process.argv.slice(3)], { output: "inherit" });
process.exitCode = code;
