import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

test("API keys are made, listed and revoked at the machine, and the last line is JSON", async () => {
  test.slow();
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-key-"));
  try {
    const run = async (...args: string[]) => {
      const env = cleanEnvironment({ DATABASE_URL: `file:${folder}/sarafan.db` });
      const child = spawn(process.execPath, ["scripts/run.mjs", "key", ...args], { env });
      const [output, errors, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, "close") as Promise<[number]>,
      ]);
      return { code, output, errors, last: code === 0 ? JSON.parse(output.trim().split("\n").at(-1) ?? "") : null };
    };
    const scopes = ["accounts:read", "accounts:write"];
    const made = await run(
      "add",
      "--name",
      "the shop",
      "--scopes",
      "accounts:write,accounts:read",
      "--until",
      "2099-12-31",
    );
    expect(made.last).toMatchObject({ id: 1, name: "the shop", scopes });
    const { key } = made.last;
    expect(key).toMatch(/^sk_[0-9A-Za-z]{49}$/);

    const listed = await run("list");
    expect(listed.last).toMatchObject([{ id: 1, name: "the shop", scopes, hint: key.slice(0, 8), isOpen: true }]);
    expect(listed.output).not.toContain(key);
    expect((await run("revoke", "1")).last).toEqual({ id: 1, revoked: true });
    expect((await run("list")).last).toMatchObject([{ id: 1, isOpen: false }]);

    for (const [args, problem] of [
      [["revoke", "1"], "no key 1"],
      [["revoke", "abc"], "Usage"],
      [["add", "--name", "x", "--scopes", "everything"], "accounts:read"],
      [["add", "--name", "x"], "--scopes has at least one"],
      [["add", "--scopes", "events:read"], "--name says"],
      [["add", "--name", "x", "--scopes", "events:read", "--until", "2020-01-01"], "--until is the last day"],
      [[], "Usage"],
    ] as const) {
      const refused = await run(...args);
      expect([refused.code, refused.errors], args.join(" ")).toEqual([1, expect.stringContaining(problem)]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
