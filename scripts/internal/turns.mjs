import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const STALE_AFTER_MS = 200;
/** Most have nothing to prepare, and are done sooner. */
const TELL_AFTER_MS = 3000;

/**
 * Runs `work` while nobody else on this machine prepares this clone, such as another `npm start`, and resolves to what it
 * resolves to. Who goes first listens on a socket, which is gone with its process, however that ends.
 *
 * @template Value
 * @param {() => Promise<Value>} work
 * @returns {Promise<Value>}
 */
export async function inTurn(work) {
  const name = `sarafan-${createHash("sha256").update(process.cwd()).digest("hex").slice(0, 16)}`;
  const address = process.platform === "win32" ? `\\\\.\\pipe\\${name}` : path.join(ownFolder(), `${name}.sock`);
  const telling = setTimeout(
    () => console.log("Waiting for another process that prepares this folder …"),
    TELL_AFTER_MS,
  );
  for (;;) {
    const turn = await listen(address);
    if (turn) {
      clearTimeout(telling);
      try {
        return await work();
      } finally {
        turn.end();
      }
    }
    await waitForEnd(address);
  }
}

/** A folder that nobody else can put anything into. */
function ownFolder() {
  const folder = path.join(tmpdir(), `sarafan-${process.getuid?.() ?? "user"}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Listens at `address`, or resolves to null when somebody else does. */
async function listen(address) {
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => waiting.delete(socket));
  });
  server.listen(address).unref();
  try {
    await once(server, "listening");
  } catch (error) {
    if (error.code === "EADDRINUSE") return null;
    throw error;
  }
  return {
    end: () => {
      server.close();
      for (const socket of waiting) socket.destroy();
    },
  };
}

/** Resolves when whoever listens at `address` is gone, and takes away what a killed one has left there. */
async function waitForEnd(address) {
  const place = idOf(address);
  try {
    const socket = connect(address);
    await once(socket, "connect");
    await once(socket, "close");
  } catch (error) {
    if (!["ECONNREFUSED", "ECONNRESET", "ENOENT"].includes(error.code)) throw error;
    if (error.code !== "ECONNREFUSED") return;
    // Whoever ends in order takes it away; a moment later it is another's, or nobody's.
    await sleep(STALE_AFTER_MS);
    if (place !== undefined && idOf(address) === place && !(await answers(address))) takeAway(address, place);
  }
}

/** Of several that find the same leftover one takes it away; what is another's by now is put back. */
function takeAway(address, place) {
  const aside = `${address}.${process.pid}`;
  try {
    renameSync(address, aside);
    if (idOf(aside) === place) rmSync(aside);
    else renameSync(aside, address);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

function idOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

async function answers(address) {
  const socket = connect(address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
