// Loaded into a server that is measured: on SIGUSR2 it begins a CPU profile, on the next one it writes it down.
import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** @type {Session | undefined} */
let session;

process.on("SIGUSR2", async () => {
  if (!session) {
    session = new Session();
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
    return;
  }
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  session = undefined;
  const file = path.join(tmpdir(), `sarafan-bench-${process.pid}.cpuprofile`);
  // It appears in one piece.
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
});
