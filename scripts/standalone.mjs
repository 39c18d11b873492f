// Starts Next's standalone server, what a container runs, as scripts/server.ts starts `next start`.
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadEnvFiles } from "./internal/env-files.mjs";
import { keepHeapSmall } from "./internal/memory.mjs";

// Those in the folder of the server, where Next's would read some.
process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
keepHeapSmall();
loadEnvFiles();
// Next listens on HOSTNAME, which containers have as their own name; HOST is what the settings are judged by.
process.env.HOSTNAME = process.env.HOST || "127.0.0.1";
// What the server makes is its owner's alone: people's phones are in it.
process.umask(0o077);

await import("../server.js");
