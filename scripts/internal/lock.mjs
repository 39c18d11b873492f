import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const FOLDER = ".preparing";
const RENEW_EVERY_MS = 1000;
/** Its owner renews a lock so often that one that is older was left behind by a process that was killed. */
const STALE_AFTER_MS = 5000;

/**
 * Runs `work` while no other process prepares this clone, such as another `npm start`. A lock of our own, because it is
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
  const renewal = setInterval(() => utimesSync(FOLDER, new Date(), new Date()), RENEW_EVERY_MS).unref();
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
  rmSync(FOLDER, { recursive: true, force: true });
}

/** Makes the folder, which succeeds in one process only. */
function takeLock() {
  try {
    mkdirSync(FOLDER);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const lock = statSync(FOLDER, { throwIfNoEntry: false });
    if (lock && Date.now() - lock.mtimeMs > STALE_AFTER_MS) release();
    return false;
  }
}
