import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findOnPath, installDebianPackages, isDebianRoot } from "../scripts/internal/dependencies.mjs";

export { findFreePort } from "../scripts/internal/free-port";

/** Headers that a proxy sets, as nginx writes their values: `$host` is without a port, `$http_host` as it came. */
export type ProxyHeaders = Record<string, string>;

/** Where it listens, its target, and the headers that it sets. */
interface Wish {
  port: number;
  target: number;
  headers: ProxyHeaders;
}

/** Starts a reverse proxy, nginx if it is installed or can be. Resolves to a function that ends it. */
export async function startReverseProxy(wish: Wish): Promise<() => Promise<void>> {
  const nginx = await findNginx();
  return nginx ? startNginx(nginx, wish) : startOwn(wish);
}

let installing: Promise<unknown> | undefined;

async function findNginx(): Promise<string | undefined> {
  if (!findOnPath("nginx") && isDebianRoot()) {
    installing ??= installDebianPackages(["nginx-light"], "the tests of proxies need nginx");
    await installing;
  }
  return findOnPath("nginx");
}

async function startNginx(nginx: string, { port, target, headers }: Wish): Promise<() => Promise<void>> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-nginx-"));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) => `${what}_temp_path ${what};`);
  const set = Object.entries(headers).map(([name, value]) => `proxy_set_header ${name} "${value}";`);
  writeFileSync(
    path.join(folder, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr; events {}
http {
  access_log off; ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${target}; ${set.join(" ")} }
  }
}`,
  );
  const child = spawn(nginx, ["-p", folder, "-c", "nginx.conf"], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`nginx did not start:\n${said}`);
    await sleep(20);
  }
  return async () => {
    await end(child);
    rmSync(folder, { recursive: true });
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, "close");
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.end());
  });
}

/** Imitates nginx: `Host` is the target unless it is set, and all else is passed on unchanged. */
async function startOwn({ port, target, headers }: Wish): Promise<() => Promise<void>> {
  const server = createServer((asked, answer) => {
    const { host = "" } = asked.headers;
    const fill = (value: string) => value.replace("$http_host", host).replace("$host", host.replace(/:\d+$/, ""));
    const set = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), fill(value)]);
    const { method, url } = asked;
    const sent = { ...asked.headers, host: `127.0.0.1:${target}`, ...Object.fromEntries(set) };
    const onward = request({ host: "127.0.0.1", port: target, method, path: url, headers: sent }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.rawHeaders);
      got.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return async () => {
    server.close();
    server.closeAllConnections();
  };
}
