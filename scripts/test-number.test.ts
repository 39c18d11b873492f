import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

const DAY_MS = 24 * 60 * 60 * 1000;
const dayIn = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

test("test numbers are made, listed and removed at the machine, and the last line is JSON", async () => {
  test.slow();
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-test-number-"));
  try {
    const run = async (script: string, ...args: string[]) => {
      const env = cleanEnvironment({
        DATABASE_URL: `file:${folder}/sarafan.db`,
        ...(script === "admin" && { ADMIN_PHONES: "+79450000001" }),
      });
      const child = spawn(process.execPath, ["scripts/run.mjs", script, ...args], { env });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
      const last = stdout.trim().split("\n").at(-1) ?? "";
      return {
        code: child.exitCode,
        stdout,
        stderr,
        json: last.startsWith("[") || last.startsWith("{") ? JSON.parse(last) : null,
      };
    };
    const testNumber = (...args: string[]) => run("test-number", ...args);
    const [phone, until] = ["+79450000001", dayIn(30)];
    const made = await testNumber(
      "add",
      "--phone",
      "+7 945 000-00-01",
      "--code",
      "482913",
      "--until",
      until,
      "--note",
      "a store",
    );
    expect(made).toMatchObject({ code: 0, json: { phone, code: "482913", note: "a store" } });
    const drawn = await testNumber("add", "--phone", "+79450000002", "--until", until);
    expect(drawn).toMatchObject({ code: 0, json: { code: expect.stringMatching(/^\d{8}$/) } });
    const refused: [string[], RegExp][] = [
      [["add", "--phone", phone, "--code", "482913", "--until", until], /already/],
      [["add", "--phone", "89450000003", "--until", until], /with a plus/],
      [["add", "--phone", "+79450000003", "--until", dayIn(91)], /90 days/],
      [["remove", "--phone", "+79450000003"], /no test number/],
      [[], /Usage/],
    ];
    const refusals = await Promise.all(refused.map(([args]) => testNumber(...args)));
    for (const [at, [, reason]] of refused.entries()) {
      expect(refusals[at]).toMatchObject({ code: 1, stderr: expect.stringMatching(reason) });
    }
    expect((await run("admin", "add", phone)).stderr).toContain("test number");
    expect((await run("admin", "list")).stdout).toContain(`${phone} of ADMIN_PHONES, but a test number`);
    expect((await testNumber("remove", "--phone", phone)).code).toBe(0);
    const list = await testNumber("list");
    expect(list.json).toEqual([expect.objectContaining({ phone: "+79450000002", digits: 8, userId: null })]);
    expect(JSON.stringify(list)).not.toContain(drawn.json.code);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
