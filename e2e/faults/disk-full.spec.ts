import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test as base, expect } from "./faults";
import { Ledger } from "./ledger";
import { Load } from "./load";

/** The disk's size: enough for a new database and some accounts. */
const DISK_MB = 8;
const MB = 1024 * 1024;

const test = base.extend<{ smallDisk: string | null }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  smallDisk: async ({}, use) => {
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-disk-"));
    const isMounted = mount(folder);
    await use(isMounted ? folder : null);
    if (isMounted) execFileSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true });
  },
});

// The disk is the first fixture, so that it is removed last.
test("a full disk is reported, damages nothing, and with free space all works again", async ({
  smallDisk,
  freshPhone,
  startServer,
}) => {
  test.skip(smallDisk === null, "only root on Linux may mount a small disk");
  const disk = smallDisk ?? "";
  // The time of a session's last use is written each second, so that all reads need a write as after idle time.
  const server = await startServer({ DATABASE_URL: `file:${disk}/sarafan.db`, SESSION_SEEN_EVERY_S: 1 });
  const ledger = new Ledger();
  const load = new Load(ledger, freshPhone);
  load.begin([server]);
  await load.answered(60);
  const ballast = path.join(disk, "ballast");
  fill(ballast);
  await load.refusals(20);
  await load.end();
  for (const { access } of ledger.accounts.values()) {
    const profile = await fetch(`${server.url}/api/profile_back/`, { headers: { authorization: `Bearer ${access}` } });
    expect(profile.status).toBe(200);
  }
  expect(load.complaints).toEqual([]);
  expect(load.lost.get(server)).toBeUndefined();
  await ledger.expectStored(server);

  rmSync(ballast);
  const later = new Load(ledger, freshPhone);
  later.begin([server]);
  await later.answered(60);
  await later.end();
  expect(later.complaints).toEqual([]);
  expect(later.refused.get(server)).toBeUndefined();
  await ledger.expectKept(server);
  expect(await server.stop()).toBe(0);
});

/** Mounts a small disk. Returns whether that succeeded. */
function mount(folder: string): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    // Containers may lack the right to mount.
    return false;
  }
}

/** Fills the disk with a file. */
function fill(file: string) {
  const ballast = openSync(file, "w");
  try {
    for (const size of [MB, 4096, 1]) writeUntilFull(ballast, Buffer.alloc(size));
  } finally {
    closeSync(ballast);
  }
}

function writeUntilFull(file: number, block: Buffer) {
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
