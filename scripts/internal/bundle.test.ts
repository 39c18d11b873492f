import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, _baseTest as test } from "playwright/test";
import { bundle } from "./bundle.mjs";

test("a bundle is made again only after one of its sources has changed", async () => {
  mkdirSync("node_modules/.cache", { recursive: true });
  const folder = mkdtempSync("node_modules/.cache/bundle-test-");
  try {
    const [command, code] = [path.join(folder, "command.ts"), path.join(folder, "code.ts")];
    const ready = path.join(folder, "ready");
    const make = async () => String(await bundle(command, { folder: ready, sources: [command, code] }));
    const run = async (made: string) => (await import(pathToFileURL(made).href)).said;
    writeFileSync(
      command,
      `import { z } from "zod";\nimport { word } from "./code";\nexport const said = z.string().parse(word);\n`,
    );
    writeFileSync(code, `export const word: string = "one";\n`);
    const first = await make();
    expect(await run(first)).toBe("one");
    expect(await make()).toBe(first);

    writeFileSync(code, `export const word: string = "two";\n`);
    const [second, same] = await Promise.all([make(), make()]);
    expect(same).toBe(second);
    expect(await run(second)).toBe("two");
    expect(existsSync(first)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("where no bundle can be written there is none, and a source that is wrong is an error", async () => {
  const folder = mkdtempSync("node_modules/.cache/bundle-test-");
  try {
    const command = path.join(folder, "command.ts");
    writeFileSync(command, "export const said = 1;\n");
    // Nothing can be made below a file. A full disk fails in the same way.
    expect(await bundle(command, { folder: path.join(command, "ready"), sources: [command] })).toBe(null);
    writeFileSync(command, "export const said = ;\n");
    await expect(bundle(command, { folder: path.join(folder, "ready"), sources: [command] })).rejects.toThrow();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a bundle of a command has no optional package, which npm may have left out", async () => {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, object> };
  const optional = Object.keys(packages).filter((name) => "optional" in (packages[name] ?? {}));
  expect(optional).toContain("node_modules/pg-cloudflare");
  const folder = mkdtempSync("node_modules/.cache/bundle-test-");
  try {
    const text = readFileSync(String(await bundle("scripts/seed.ts", { folder })), "utf8");
    // A comment names each file that is in the bundle.
    expect(text).toContain("// node_modules/pg/lib/stream.js\n");
    expect(optional.filter((name) => text.includes(`// ${name}/`))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
