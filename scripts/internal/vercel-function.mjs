// The process of one function of a deployment: `node vercel-function.mjs <folder>`. Serves the function's handler on a free port of
// this machine and sends the port to the parent process.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { Readable } from "node:stream";

const folder = process.argv[2];
const { handler, useWebApi } = JSON.parse(readFileSync(path.join(folder, ".vc-config.json"), "utf8"));
process.chdir(folder);
// Next.js's `after` asks the platform to keep the process while work goes on after the answer. This process stays in any case.
globalThis[Symbol.for("@vercel/request-context")] = { get: () => ({ waitUntil: () => {} }) };
const loaded = createRequire(path.join(folder, "launcher.cjs"))(path.join(folder, handler));
const handle = useWebApi ? answerByWebApi(loaded) : loaded;

const server = createServer((request, response) => {
  Promise.resolve(handle(request, response)).catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
// The parent process has ended.
process.on("disconnect", () => process.exit());

/** Makes a handler of Node.js requests from one that answers a web `Request` by a `Response`, as that of proxy.ts. */
function answerByWebApi(fetch) {
  return async (incoming, outgoing) => {
    const url = new URL(incoming.url, `${incoming.headers["x-forwarded-proto"]}://${incoming.headers.host}`);
    const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
    const request = new Request(url, {
      method: incoming.method,
      headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
      ...(hasBody && { body: Readable.toWeb(incoming), duplex: "half" }),
    });
    const response = await fetch(request);
    const headers = Object.fromEntries(response.headers);
    outgoing.writeHead(response.status, { ...headers, "set-cookie": response.headers.getSetCookie() });
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  };
}
