import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { test as base, expect } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";
import { findFreePort } from "./internal/free-port";

/** A clone like this one, without its settings and data: a test's own files of settings are put into it. */
const test = base.extend<{ clone: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  clone: async ({}, use) => {
    const clone = mkdtempSync(path.join(tmpdir(), "sarafan-clone-"));
    for (const name of readdirSync(".")) {
      if (name !== "scripts" && name !== "data" && !name.startsWith(".env")) {
        symlinkSync(path.resolve(name), path.join(clone, name));
      }
    }
    cpSync("scripts", path.join(clone, "scripts"), { recursive: true });
    await use(clone);
    rmSync(clone, { recursive: true });
  },
});

test("starter and server read the same of the files, literally, and the environment goes before them", async ({
  clone,
}) => {
  const asked: URLSearchParams[] = [];
  const provider = createServer(async (request, answer) => {
    asked.push(new URLSearchParams(await text(request)));
    answer.end('{"id":1,"cnt":1}');
  }).listen(0, "127.0.0.1");
  await once(provider, "listening");
  const [port, otherPort] = [await findFreePort(), await findFreePort()];
  const settings = [
    `PORT=${port}`,
    "DATABASE_URL=file:./data/first.db",
    "SENDERS=smsc",
    "SMSC_LOGIN=nobody",
    "SMSC_PASSWORD=pa$word1#$" + "{HOME}",
    `SMSC_URL=http://127.0.0.1:${(provider.address() as AddressInfo).port}`,
    "REVEAL_CODE=false",
    "AUTH_SECRET: a secret that is nobody's business",
  ];
  writeFileSync(path.join(clone, ".env"), `\ufeff${settings.join("\r\n")}\r\n`);
  writeFileSync(
    path.join(clone, ".env.local"),
    `DATABASE_URL=file:./data/local.db\nSMSC_LOGIN=local\nPORT=${otherPort}\n`,
  );
  writeFileSync(path.join(clone, ".env.production"), "DATABASE_URL=file:./data/production.db\nSMSC_LOGIN=production\n");
  const server = spawn(process.execPath, ["scripts/run.mjs", "serve"], {
    cwd: clone,
    env: cleanEnvironment({ PORT: String(port) }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(server, "close");
  let output = "";
  for (const stream of [server.stdout, server.stderr])
    stream.setEncoding("utf8").on("data", (words) => (output += words));
  try {
    await untilServed(server, port, () => output);
    const answer = await fetch(`http://localhost:${port}/api/auth/request_code/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ phone: "+79450000001" }),
    });
    expect(answer.status, output).toBe(200);
  } finally {
    server.kill();
    await closed;
    provider.close();
  }
  expect(asked.map((form) => [form.get("login"), form.get("psw")])).toEqual([["local", "pa$word1#$" + "{HOME}"]]);
  expect(readdirSync(path.join(clone, "data")).filter((name) => name.endsWith(".db"))).toEqual(["local.db"]);
  expect(output).toContain("There is no setting REVEAL_CODE: is REVEAL_CODES meant?");
  expect(output.match(/REVEAL_CODE:/g)).toHaveLength(1);
  expect(output).toContain("The file .env.production is not read");
  expect(output.match(/Line 8 of \.env is not read/g)).toHaveLength(1);
  expect(output).not.toContain("nobody's business");
});

async function untilServed(server: ChildProcess, port: number, said: () => string) {
  while (!(await fetch(`http://localhost:${port}/api/health/ready`).catch(() => null))?.ok) {
    if (server.exitCode !== null) throw new Error(`The server did not start:\n${said()}`);
    await sleep(50);
  }
}
