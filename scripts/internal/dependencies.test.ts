import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "playwright/test";
import { installDependencies, isInstalled } from "./dependencies.mjs";

test("a start installs what serving needs, tests add the rest, and a later start leaves that", async () => {
  const parent = mkdtempSync(path.join(tmpdir(), "sarafan-packages-"));
  const folder = path.join(parent, "site");
  const npm = (...args: string[]) => execFileSync("npm", [...args, "--no-audit"], { cwd: parent, stdio: "pipe" });
  const write = (name: string, json: object) => {
    mkdirSync(path.join(parent, name), { recursive: true });
    writeFileSync(path.join(parent, name, "package.json"), JSON.stringify(json));
  };
  const present = () =>
    ["served", "tested"].filter((name) => existsSync(path.join(folder, "node_modules", name, "package.json")));
  // The lock is made in a folder of its own, because npm would note its packages as installed.
  const lock = (served: string) => {
    const dependencies = { served: `file:../served-${served}.tgz` };
    write("lock", { name: "site", dependencies, devDependencies: { tested: "file:../tested-1.0.0.tgz" } });
    npm("install", "--prefix", "lock", "--package-lock-only");
    cpSync(path.join(parent, "lock"), folder, { recursive: true });
  };
  try {
    for (const [name, version] of ["served@1.0.0", "served@2.0.0", "tested@1.0.0"].map((id) => id.split("@"))) {
      write("package", { name, version });
      npm("pack", "./package");
    }
    lock("1.0.0");

    await installDependencies({ folder });
    expect(present()).toEqual(["served"]);
    expect([isInstalled({ folder }), isInstalled({ folder, dev: true })]).toEqual([true, false]);

    await installDependencies({ folder, dev: true });
    expect(present()).toEqual(["served", "tested"]);
    expect(isInstalled({ folder, dev: true })).toBe(true);

    lock("2.0.0");
    expect(isInstalled({ folder })).toBe(false);
    await installDependencies({ folder });
    expect(present()).toEqual(["served", "tested"]);
    expect(isInstalled({ folder, dev: true })).toBe(true);
  } finally {
    rmSync(parent, { recursive: true });
  }
});

test("the example has its packages in the versions that the tests have", () => {
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  const { dependencies, devDependencies } = read("package.json");
  const own = read("examples/book-club/package.json").dependencies;
  expect({ ...dependencies, ...devDependencies }).toMatchObject(own);
});
