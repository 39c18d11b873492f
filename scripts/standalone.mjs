// Starts Next.js's standalone server, which containers run, with our settings.
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadEnvFiles } from "./internal/env-files.mjs";
import { keepHeapSmall } from "./internal/memory.mjs";
import { recommendNode } from "./internal/node-version.mjs";

// The files of settings are read from the current folder. They lie beside server.js.
process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
keepHeapSmall();
recommendNode();
loadEnvFiles();
// Next.js listens on HOSTNAME, which in a container is its own name; the setting is HOST.
process.env.HOSTNAME = process.env.HOST || "127.0.0.1";
// Files that the server creates can be read by its owner only: they have people's phones.
process.umask(0o077);

await import("../server.js");
