import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

test("the seed makes a town whose tree can be seen, and leaves one that stands as it is", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-seed-"));
  try {
    const seed = async () => {
      const env = cleanEnvironment({ DATABASE_URL: `file:${folder}/sarafan.db` });
      const child = spawn(process.execPath, ["scripts/run.mjs", "seed"], { env, stdio: ["ignore", "pipe", "inherit"] });
      return (await text(child.stdout)).split("\n").filter((line) => /^ *\+7 945/.test(line));
    };
    const town = await seed();
    expect(town.length).toBeGreaterThan(20);
    const depths = town.map((line) => line.search(/\S/) / 2);
    expect(Math.max(...depths)).toBeGreaterThanOrEqual(4);
    expect(await seed()).toEqual(town);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
