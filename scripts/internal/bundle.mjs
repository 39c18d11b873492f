import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isBuiltFrom } from "./built-site.mjs";
import { hashSources } from "./stamp.mjs";

/** Inside the clone, because a bundle imports the packages of the clone. */
const FOLDER = "node_modules/.cache/sarafan";

/** The files and folders whose change may change a bundle. */
const SOURCES = ["lib", "messages", "prisma", "scripts", "package.json", "package-lock.json", "tsconfig.json"];

/**
 * What stays outside a bundle: native code, packages that only tests and builds load, optional packages, which npm may leave out, and
 * Prisma's large compilers.
 */
const EXTERNAL = [
  "better-sqlite3",
  "esbuild",
  "next",
  "tsx",
  "pg-cloudflare",
  "pg-native",
  "@prisma/client/runtime/*.wasm-base64.mjs",
];

/**
 * ES modules have no `require`, which packages in CommonJS call for Node.js's own modules. `createRequire` has a name here that no
 * package gives to anything else.
 */
const REQUIRE =
  'import { createRequire as requireOfBundle } from "node:module"; const require = requireOfBundle(import.meta.url);';

/**
 * Makes one JavaScript file of a TypeScript file and all files and packages that it imports, unless `folder` has one of the present
 * `sources`. Node.js loads it in a fraction of the processor time that it needs to find and load hundreds of files, and tsx would need
 * three times as much for those.
 *
 * Resolves to the bundle's path, or to null if no bundle can be written to `folder`. Rejects if a source is wrong.
 *
 * @param {string} file
 * @returns {Promise<string | null>}
 */
export async function bundle(file, { folder = FOLDER, sources = SOURCES } = {}) {
  const prefix = `${path.basename(file, ".ts")}-`;
  const name = `${prefix}${hashSources(sources, isBuiltFrom)}.mjs`;
  const target = path.resolve(folder, name);
  try {
    mkdirSync(folder, { recursive: true });
    const present = readdirSync(folder);
    if (present.includes(name)) return target;
    const { build } = await import("esbuild");
    const options = /** @type {const} */ ({ bundle: true, platform: "node", format: "esm", target: "node20" });
    const { outputFiles } = await build({
      ...options,
      entryPoints: [file],
      external: EXTERNAL,
      banner: { js: REQUIRE },
      write: false,
    });
    // Renamed when it is complete, because another process may make or run the same bundle.
    const unfinished = `${target}.${process.pid}`;
    try {
      // Without `flush` a power failure could leave an empty bundle, which would do nothing and succeed.
      writeFileSync(unfinished, outputFiles[0].contents, { flush: true });
      renameSync(unfinished, target);
    } finally {
      rmSync(unfinished, { force: true });
    }
    const former = present.filter((other) => other.startsWith(prefix) && other.endsWith(".mjs"));
    for (const old of former) rmSync(path.join(folder, old), { force: true });
    return target;
  } catch (error) {
    // Errors of the file system name a system call: the disk is full, for example, or read-only.
    if (error.syscall) return null;
    throw error;
  }
}
