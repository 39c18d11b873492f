import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const LOCK_FOLDER = ".preparing";
const RENEW_EVERY_MS = 1000;
/** The owner renews the lock every `RENEW_EVERY_MS`, so an older lock belonged to a process that was killed. */
const STALE_AFTER_MS = 5000;

/**
 * Runs `work` while no other process, such as another `npm start`, prepares this clone. The lock is our own code, because it is
 * needed before packages are installed.
 *
 * @template Value
 * @param {() => Promise<Value>} work
 * @returns {Promise<Value>}
 */
export async function withLock(work) {
  for (let tries = 0; !takeLock(); tries += 1) {
    if (tries === 10) console.log("Waiting for another process that prepares this folder …");
    await sleep(200);
  }
  const renewal = setInterval(() => utimesSync(LOCK_FOLDER, new Date(), new Date()), RENEW_EVERY_MS).unref();
  process.once("exit", release);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    process.off("exit", release);
    release();
  }
}

function release() {
  rmSync(LOCK_FOLDER, { recursive: true, force: true });
}

/** Tries to take the lock by making its folder; deletes a stale folder for the next try. Returns whether this process has the lock. */
function takeLock() {
  try {
    mkdirSync(LOCK_FOLDER);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const lock = statSync(LOCK_FOLDER, { throwIfNoEntry: false });
    if (lock && Date.now() - lock.mtimeMs > STALE_AFTER_MS) release();
    return false;
  }
}
