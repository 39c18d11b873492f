import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

type Run = (
  task: "client" | "keys",
  args: string[],
  settings?: Record<string, string>,
) => ReturnType<typeof runCommand>;

/** Calls `use` with a function that runs a command on a database of its own. `settings` are those of one run. */
async function withCommands(use: (run: Run) => Promise<void>) {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-client-"));
  const database = { DATABASE_URL: `file:${folder}/sarafan.db` };
  try {
    await use((task, args, settings) => runCommand(task, args, { ...database, ...settings }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runCommand(task: string, args: string[], settings: Record<string, string>) {
  const child = spawn(process.execPath, ["scripts/run.mjs", task, ...args], { env: cleanEnvironment(settings) });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const last = output.trim().split("\n").at(-1) ?? "";
  return { code: child.exitCode, output, errors, last: /^[[{]/.test(last) ? JSON.parse(last) : null };
}

test("applications are made, listed, changed, disabled and removed at the machine, and the last line is JSON", async () => {
  test.slow();
  await withCommands(async (runTask) => {
    const run = (args: string[]) => runTask("client", args);
    const uri = "https://shop.example/callback";
    const made = await run([
      "add",
      "--name",
      "Shop",
      "--redirect-uri",
      uri,
      "--redirect-uri",
      "http://127.0.0.1/callback",
    ]);
    expect(made.last).toEqual({
      client_id: expect.stringMatching(/^[0-9a-f]{24}$/),
      client_secret: expect.stringMatching(/^sarafan_cs_[\w-]{43}$/),
    });
    const { client_id: id, client_secret: secret } = made.last;
    const app = ["--public", "--first-party", "--scopes", "openid,offline_access", "--algorithm", "ES256"];
    const other = ["--client-id", "0123456789abcdef01234567", "--redirect-uri", "com.example.app:/callback"];
    expect((await run(["add", "--name", "App", ...app, ...other])).last).toEqual({ client_id: other[1] });

    const shop = {
      ...{ client_id: id, name: "Shop", redirect_uris: [uri, "http://127.0.0.1/callback"], post_logout_uris: [] },
      ...{ back_channel_uri: null, scopes: ["openid", "phone"], public: false, first_party: false, algorithm: "RS256" },
      ...{ made_at: expect.stringMatching(/Z$/), disabled_at: null },
    };
    const list = await run(["list"]);
    const public_ = { client_id: other[1], public: true, first_party: true, scopes: ["openid", "offline_access"] };
    expect(list.last).toMatchObject([shop, { ...public_, algorithm: "ES256", redirect_uris: [other[3]] }]);
    expect((await run(["show", id])).last).toEqual(shop);

    const uris = ["--post-logout-uri", "https://shop.example/", "--back-channel-uri", "https://shop.example/logout"];
    const changed = { post_logout_uris: [uris[1]], back_channel_uri: uris[3], name: "Tea", first_party: true };
    expect((await run(["change", id, "--name", "Tea", "--first-party", ...uris])).last).toEqual({
      ...shop,
      ...changed,
    });
    const back = ["--no-first-party", "--post-logout-uri", "", "--back-channel-uri", ""];
    expect((await run(["change", id, ...back])).last).toEqual({ ...shop, name: "Tea" });
    expect((await run(["disable", id])).last).toMatchObject({ disabled_at: expect.stringMatching(/Z$/) });
    expect((await run(["enable", id])).last).toMatchObject({ disabled_at: null });
    const renewed = await run(["renew-secret", id]);
    expect(renewed.last).toEqual({ client_id: id, client_secret: expect.stringMatching(/^sarafan_cs_/) });
    for (const shown of [secret, renewed.last.client_secret]) expect(list.output).not.toContain(shown);
    expect(renewed.last.client_secret).not.toBe(secret);

    const refused: [string[], string][] = [
      [["show"], "Usage"],
      [["add", "--name", "x", "--secret", "y"], "Usage"],
      [["add", "--name", "x", "--redirect-uri", "http://shop.example/"], "A URI begins with https://"],
      [["add", "--name", "x", "--redirect-uri", "com.example.app:/callback"], "--public"],
      [["add", "--name", "x", "--redirect-uri", uri, "--client-id", id], "already"],
      [["change", id, "--public"], "stays public or confidential"],
      [["renew-secret", other[1] ?? ""], "no secret"],
      [["remove", "0".repeat(24)], "no application"],
    ];
    const refusals = await Promise.all(refused.map(([args]) => run(args)));
    for (const [at, [args, problem]] of refused.entries())
      expect(refusals[at], args.join(" ")).toMatchObject({ code: 1, errors: expect.stringContaining(problem) });
    expect((await run(["remove", id])).last).toEqual({ client_id: id, removed: true });
    expect((await run(["list"])).last).toMatchObject([{ client_id: other[1] }]);
  });
});

test("signing keys are listed, rotated and revoked at the machine, and a new secret seals them again", async () => {
  test.slow();
  await withCommands(async (run) => {
    const [old, fresh] = [{ AUTH_SECRET: "o".repeat(40) }, { AUTH_SECRET: "n".repeat(40) }];
    const both = { ...fresh, AUTH_SECRET_PREVIOUS: old.AUTH_SECRET };
    const keys = async (command: string, settings: Record<string, string>) =>
      (await run("keys", [command], settings)).last;
    expect(await keys("rotate", old), "there is none yet").toEqual([]);
    for (const algorithm of ["RS256", "EdDSA"]) {
      const options = ["--name", "Shop", "--redirect-uri", "https://shop.example/", "--algorithm", algorithm];
      expect((await run("client", ["add", ...options], old)).code).toBe(0);
    }
    const first = await keys("list", old);
    expect(first).toMatchObject([
      { algorithm: "RS256", endsAt: null },
      { algorithm: "EdDSA", endsAt: null },
    ]);
    expect(await keys("seal", old)).toEqual({ sealed: 0 });
    const rotated = await keys("rotate", both);
    expect(rotated).toMatchObject([{ algorithm: "RS256" }, { algorithm: "EdDSA" }]);
    const all = await keys("list", fresh);
    expect(all).toHaveLength(4);
    expect(all[1]).toEqual({ ...first[0], endsAt: expect.stringMatching(/Z$/) });
    expect(Date.parse(all[0].signsFrom)).toBeGreaterThan(Date.parse(all[1].signsFrom));
    const sealed = await run("keys", ["seal"], fresh);
    expect([sealed.last, sealed.errors], "the rotation has sealed them").toEqual([{ sealed: 0 }, ""]);
    const revoked = await run("keys", ["revoke", all[0].id], fresh);
    expect(revoked.last).toEqual({ id: all[0].id, revoked: true });
    const again = await run("keys", ["revoke", all[0].id], fresh);
    expect(again).toMatchObject({ code: 1, errors: expect.stringContaining("no key") });
    const lost = await run("keys", ["seal"], old);
    for (const { id } of all.slice(1)) expect(lost.errors).toContain(id);
    expect((await run("keys", [], old)).errors).toContain("Usage");
  });
});
