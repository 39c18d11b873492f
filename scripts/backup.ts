import { closeSync, existsSync, linkSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { databaseFile } from "./internal/data-folder.mjs";
import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { assertIntact, copyDatabase, flushToDisk } from "./internal/sqlite-files";
import { Refusal } from "./internal/tool.mjs";

const isSecretSet = Boolean(process.env.AUTH_SECRET);
setThrowawaySecret();
const { DATABASE_URL } = await checkSettings();
const source = databaseFile(DATABASE_URL);
if (!source) {
  throw new Refusal(
    'PostgreSQL has a tool of its own for this: pg_dump --format=custom --file=sarafan.dump "$DATABASE_URL"',
  );
}
if (!existsSync(source)) throw new Refusal(`There is no database at ${source}.`);

const folder = path.dirname(source);
const target = chooseTarget(process.argv[3] ?? path.join(folder, "backups", path.sep));
await makeBackup(source, target);
console.log(`${target} is a whole copy of ${source}, ${statSync(target).size} bytes.`);
console.log(
  `Keep ${isSecretSet ? "AUTH_SECRET" : path.join(folder, "auth-secret")} as well, somewhere else: it is not in the copy, and without it everybody has to log in again.`,
);

/** Returns the path of the backup: `wanted`, or if that is a folder or ends with a slash, a file in it named by the time. */
function chooseTarget(wanted: string): string {
  const isFolder = /[/\\]$/.test(wanted) || statSync(wanted, { throwIfNoEntry: false })?.isDirectory();
  const name = `sarafan-${new Date().toISOString().replaceAll(":", "-")}.db`;
  return path.resolve(isFolder ? path.join(wanted, name) : wanted);
}

/**
 * Copies an SQLite file to `target`, which only its owner can read, because it has people's phones. `target` appears when it is
 * complete, checked and on the disk. Throws a `Refusal` if `target` exists or can't be made.
 */
async function makeBackup(source: string, target: string) {
  const draft = `${target}.${process.pid}.partial`;
  try {
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    closeSync(openSync(draft, "wx", 0o600));
    await copyDatabase(source, draft);
    await assertIntact(draft);
    flushToDisk(draft);
    // Unlike a rename, a link never replaces a file.
    linkSync(draft, target);
    rmSync(draft);
    flushToDisk(path.dirname(target));
  } catch (error) {
    rmSync(draft, { force: true });
    const code = (error as { code?: string }).code;
    if (code === "EEXIST") throw new Refusal(`${target} is there already, and a backup replaces nothing.`);
    if (code) throw new Refusal(`${target} could not be made (${code}); the database is as it was.`);
    throw error;
  }
}
