import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
