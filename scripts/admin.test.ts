import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

test("administrators are added, listed and removed at the machine, and the last one stays, also when two are removed at once", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-admin-"));
  try {
    const admin = async (...args: string[]) => {
      const env = cleanEnvironment({ DATABASE_URL: `file:${folder}/sarafan.db` });
      const child = spawn(process.execPath, ["scripts/run.mjs", "admin", ...args], { env });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
      return { code: child.exitCode, stdout, stderr };
    };
    const [one, other] = ["+79450000001", "+79450000002"];
    expect(await admin("add", "+7 945 000-00-01")).toMatchObject({ code: 0, stdout: expect.stringContaining(one) });
    expect(await admin("add", one)).toMatchObject({ code: 1, stderr: expect.stringContaining("already") });
    expect(await admin("add", "89450000002")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("with a plus"),
    });
    expect(await admin("add", other)).toMatchObject({ code: 0 });
    const removals = await Promise.all([admin("remove", one), admin("remove", other)]);
    expect(removals.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(removals.map(({ stderr }) => stderr).join("")).toContain("last administrator");
    const list = await admin("list");
    expect(
      list.stdout
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("+7945")),
    ).toHaveLength(1);
    expect(await admin()).toMatchObject({ code: 1, stderr: expect.stringContaining("Usage") });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
