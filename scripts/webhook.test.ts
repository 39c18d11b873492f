import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

test("webhook endpoints are made, listed, paused, rotated, tested and removed at the machine, and the last line is JSON", async () => {
  test.slow();
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-webhook-"));
  try {
    const webhook = async (...args: string[]) => {
      const env = cleanEnvironment({ DATABASE_URL: `file:${folder}/sarafan.db` });
      const child = spawn(process.execPath, ["scripts/run.mjs", "webhook", ...args], { env });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
      const last = stdout.trim().split("\n").at(-1) ?? "";
      return { code: child.exitCode, stdout, stderr, json: /^[[{]/.test(last) ? JSON.parse(last) : null };
    };
    const url = "https://backend.example/hooks";
    const made = await webhook("add", "--url", url, "--types", "account.created,account.deleted", "--phones");
    expect(made).toMatchObject({
      code: 0,
      json: {
        id: expect.stringMatching(/^we_/),
        secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/),
        publicKey: expect.stringMatching(/^whpk_[\w+/]{43}=$/),
      },
    });
    const { id, secret } = made.json;
    const refused: [string[], RegExp][] = [
      [["add", "--url", "http://backend.example", "--types", "all"], /https/],
      [["add", "--url", url, "--types", "account.fled"], /account\.created/],
      [["pause", "--id", "we_unknown"], /no endpoint/],
      [["replay", "--id", id, "--from", "2027-02-30"], /Usage/],
      [["replay", "--id", id, "--until", "2026-11-30T12:00"], /Usage/],
      [[], /Usage/],
    ];
    const refusals = await Promise.all(refused.map(([args]) => webhook(...args)));
    for (const [at, [, reason]] of refused.entries())
      expect(refusals[at]).toMatchObject({ code: 1, stderr: expect.stringMatching(reason) });
    expect((await webhook("test", "--id", id)).json).toMatchObject({ deliveryId: expect.stringMatching(/^msg_/) });
    const listed = await webhook("deliveries", "--id", id, "--state", "pending");
    expect(listed.json).toMatchObject([{ type: "webhook.test", state: "pending", attempts: 0 }]);
    const replayed = await webhook("replay", "--id", id, "--delivery", listed.json[0].id);
    expect(replayed.json, "it is due already").toEqual({ id, count: 0 });
    expect((await webhook("replay", "--id", id)).stderr).toContain("Say which");
    const rotated = await webhook("rotate", "--id", id);
    expect(rotated.json.secret).not.toBe(secret);
    expect((await webhook("pause", "--id", id)).json).toMatchObject({ state: "paused" });
    expect((await webhook("resume", "--id", id)).json).toMatchObject({ state: "active" });
    const list = await webhook("list");
    const types = ["account.created", "account.deleted"];
    expect(list.json).toMatchObject([{ id, url, types, hasPhones: true, state: "active" }]);
    for (const shown of [secret, rotated.json.secret]) expect(list.stdout).not.toContain(shown);
    expect((await webhook("remove", "--id", id)).code).toBe(0);
    expect((await webhook("list")).json).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
