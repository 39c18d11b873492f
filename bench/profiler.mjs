// Loaded into a measured server. The first SIGUSR2 starts a CPU profile, and the next one writes it to a file.
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
  // The file appears only when it is complete.
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
});
