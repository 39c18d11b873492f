import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { linkEntry, listFiles } from "./copies";
import { type Asked, matchRoute, phasesOf, type Route } from "./vercel-routes";

/** A deployment that is served on this machine. */
export interface Platform {
  url: string;
  /** The functions that have been used, each by its own process, with the addresses that share it. */
  functions(): string[];
  /** Ends the server and the processes. Returns the files that functions wrote beside their `/tmp`. */
  stop(): Promise<string[]>;
}

const CONTENT_TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "application/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".woff2": "font/woff2",
};

/** The headers of one connection (RFC 9110 §7.6.1), which are not passed on. */
const CONNECTION_HEADERS = ["connection", "keep-alive", "transfer-encoding", "upgrade"];

interface StaticFile {
  file: string;
  contentType: string;
}

/** What a route leads to. */
type Target = { function: string } | { static: StaticFile };

/** The request on its way through the routes. */
interface Journey extends Asked {
  body: Buffer;
  /** The response headers that routes and the middleware have set; those of an `important` route replace the function's. */
  set: Map<string, { value: string | string[]; isImportant: boolean }>;
  status: number | undefined;
}

/**
 * Serves the output of `vercel build` in the folder `site`, as far as its documentation (Build Output API v3) says how: the routes of
 * config.json, static files, the middleware, and for each function a process with its own copy of the function's files and its own
 * temporary folder, in a folder beside `site`. `settings` are the environment of the functions. A function's process starts with its
 * first request.
 */
export async function servePlatform(
  site: string,
  settings: (url: string) => Record<string, string>,
): Promise<Platform> {
  const output = path.join(site, ".vercel/output");
  const config = JSON.parse(readFileSync(path.join(output, "config.json"), "utf8"));
  const phase = phasesOf(config.routes as Route[]);
  const staticFiles = findStaticFiles(path.join(output, "static"), config.overrides ?? {});
  const functions = findFunctions(path.join(output, "functions"));
  // Beside the site and not in it, so that no function finds the site's packages.
  const workplace = mkdtempSync(`${site}-served-`);
  const running = new Map<string, Promise<FunctionProcess>>();

  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error) => {
      console.error(error);
      outgoing.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;

  /** Returns the process of a function, which starts with the first request to it. */
  function processOf(folder: string): Promise<FunctionProcess> {
    const own =
      running.get(folder) ??
      startFunction(folder, site, path.join(workplace, String(running.size)), {
        // After a form, Next.js fetches the next page from its own address, which it takes to be https.
        __NEXT_PRIVATE_ORIGIN: url,
        ...settings(url),
      });
    running.set(folder, own);
    return own;
  }

  function find(asked: string): Target | undefined {
    const name = decodeURIComponent(asked).replace(/^\/|\/$/g, "") || "index";
    const file = staticFiles.get(name);
    if (file) return { static: file };
    return functions.has(name) ? { function: name } : undefined;
  }

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse) {
    const { pathname, searchParams } = new URL(incoming.url ?? "/", url);
    const headers = { ...incoming.headers };
    for (const name of CONNECTION_HEADERS) delete headers[name];
    // The platform replaces these headers in requests of clients (vercel.com/docs/headers/request-headers).
    const address = incoming.socket.remoteAddress ?? "";
    Object.assign(headers, {
      "x-forwarded-for": address,
      "x-real-ip": address,
      "x-forwarded-host": headers.host,
      "x-forwarded-proto": "http",
      "x-vercel-forwarded-for": address,
    });
    const journey: Journey = {
      method: incoming.method ?? "GET",
      path: pathname,
      query: searchParams,
      headers,
      body: await buffer(incoming),
      set: new Map(),
      status: undefined,
    };
    const original = incoming.url ?? "/";
    if (await runStart(journey, original, outgoing)) return;
    const target = findTarget(journey);
    if (target === undefined) throw new Error(`No route answers ${original}`);
    apply(phase("hit"), journey);
    if ("static" in target) return sendFile(target.static, journey, outgoing);
    const folder = functions.get(target.function) ?? "";
    const { port } = await processOf(folder);
    journey.headers["x-matched-path"] = journey.path;
    await pass(port, original, journey, outgoing);
  }

  /** Runs the routes before the file system. Returns whether the middleware or a redirect has answered the request. */
  async function runStart(journey: Journey, original: string, outgoing: ServerResponse): Promise<boolean> {
    let hasMiddlewareRun = false;
    for (const route of phase("start")) {
      if (!matchRoute(route, journey)) continue;
      if (route.middlewarePath !== undefined) {
        if (hasMiddlewareRun) continue;
        hasMiddlewareRun = true;
        const { port } = await processOf(functions.get(route.middlewarePath.slice(1)) ?? "");
        if (await runMiddleware(port, original, journey, outgoing)) return true;
        continue;
      }
      apply([route], journey);
      // A route that only changes the request ends no phase.
      if (!route.continue && !route.transforms) break;
    }
    if (!journey.set.has("location")) return false;
    outgoing.writeHead(journey.status ?? 307, headersOf(journey.set)).end();
    return true;
  }

  /** Finds what answers: a file or function at the path, else at the path that a later phase leads to, else the page for errors. */
  function findTarget(journey: Journey): Target | undefined {
    const found = find(journey.path);
    if (found) return found;
    for (const name of ["filesystem", "rewrite", "miss"]) {
      for (const route of phase(name)) {
        if (!apply([route], journey)) continue;
        const checked = route.check || !route.continue ? find(journey.path) : undefined;
        if (checked) return checked;
      }
    }
    journey.status = 404;
    apply(phase("error").slice(0, 1), journey);
    return find(journey.path);
  }

  return {
    url,
    functions: () =>
      [...running.keys()].map((folder) => {
        const addresses = [...functions].flatMap(([name, own]) =>
          own === folder && !name.includes(".rsc") ? [name] : [],
        );
        return `${path.basename(folder)}: ${addresses.join(", ")}`;
      }),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      const written = await Promise.all([...running.values()].map(async (own) => (await own).stop()));
      return written.flat();
    },
  };
}

/** Puts what the matching routes set into the journey. Returns whether one of them matched. */
function apply(routes: Route[], journey: Journey): boolean {
  const isMatched = routes.map((route) => {
    const substitute = matchRoute(route, journey);
    if (!substitute) return false;
    for (const [name, value] of Object.entries(route.headers ?? {})) {
      journey.set.set(name.toLowerCase(), { value: substitute(value), isImportant: route.important ?? false });
    }
    for (const { type, target, args } of route.transforms ?? []) {
      if (type === "request.headers") journey.headers[target.key.toLowerCase()] = args;
    }
    if (route.status !== undefined) journey.status = route.status;
    if (route.dest !== undefined) {
      const [path = "", query = ""] = route.dest.split("?");
      for (const pair of query ? query.split("&") : []) {
        const [name = "", value = ""] = pair.split("=");
        journey.query.set(name, substitute(value));
      }
      journey.path = substitute(path);
    }
    return true;
  });
  return isMatched.includes(true);
}

/** Asks the middleware. Returns true if it has answered the request, and else puts what it has set into the journey. */
async function runMiddleware(
  port: number,
  original: string,
  journey: Journey,
  outgoing: ServerResponse,
): Promise<boolean> {
  const response = await ask(port, original, journey);
  const headers = response.headers;
  const ownHeaders = Object.entries(headers).filter(([name]) => !name.startsWith("x-middleware-"));
  for (const [name, value = ""] of ownHeaders) {
    if (!CONNECTION_HEADERS.includes(name)) journey.set.set(name, { value, isImportant: false });
  }
  if (headers["x-middleware-rewrite"]) throw new Error("This platform runs no rewrites of a middleware.");
  if (headers["x-middleware-next"] !== "1") {
    outgoing.writeHead(response.statusCode ?? 500, headersOf(journey.set));
    response.pipe(outgoing);
    return true;
  }
  response.resume();
  const kept = headers["x-middleware-override-headers"]?.toString().split(",");
  if (kept) {
    const changed = kept.map((name) => [name, headers[`x-middleware-request-${name}`]] as const);
    journey.headers = Object.fromEntries(changed.filter(([, value]) => value !== undefined)) as IncomingHttpHeaders;
  }
  return false;
}

/** Passes the request to a function, at the original path and with the parameters that routes have added, and the answer back. */
async function pass(port: number, original: string, journey: Journey, outgoing: ServerResponse): Promise<void> {
  const query = journey.query.toString();
  const response = await ask(port, original.split("?")[0] + (query ? `?${query}` : ""), journey);
  for (const [name, value] of Object.entries(response.headers)) {
    const isKept = journey.set.get(name)?.isImportant || CONNECTION_HEADERS.includes(name) || value === undefined;
    if (!isKept) journey.set.set(name, { value, isImportant: false });
  }
  outgoing.writeHead(journey.status ?? response.statusCode ?? 500, headersOf(journey.set));
  response.pipe(outgoing);
}

async function ask(port: number, target: string, { method, headers, body }: Journey): Promise<IncomingMessage> {
  const asked = request({ host: "127.0.0.1", port, path: target, method, headers, agent: false });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return response;
}

function sendFile({ file, contentType }: StaticFile, journey: Journey, outgoing: ServerResponse) {
  const isRead = journey.method === "GET" || journey.method === "HEAD";
  const body = readFileSync(file);
  outgoing.writeHead(isRead ? (journey.status ?? 200) : 405, {
    "content-type": contentType,
    "content-length": isRead ? body.length : 0,
    ...headersOf(journey.set),
  });
  outgoing.end(journey.method === "GET" ? body : undefined);
}

const headersOf = (set: Journey["set"]) => Object.fromEntries([...set].map(([name, { value }]) => [name, value]));

/** The static files by their paths, with the paths and types that config.json gives them. */
function findStaticFiles(folder: string, overrides: Record<string, { path?: string; contentType?: string }>) {
  const files = listFiles(folder).map((name): [string, StaticFile] => {
    const { path: asked = name, contentType = CONTENT_TYPES[path.extname(name)] } = overrides[name] ?? {};
    return [asked, { file: path.join(folder, name), contentType: contentType ?? "application/octet-stream" }];
  });
  return new Map(files);
}

/** The folders of functions by their paths. A link to a folder is one more path of the same function. */
function findFunctions(root: string, folder = ""): Map<string, string> {
  const entries = readdirSync(path.join(root, folder), { withFileTypes: true });
  const found = entries.flatMap((entry): [string, string][] => {
    const name = path.posix.join(folder, entry.name);
    if (name.endsWith(".func")) return [[name.slice(0, -".func".length), realpathSync(path.join(root, name))]];
    return entry.isDirectory() ? [...findFunctions(root, name)] : [];
  });
  return new Map(found);
}

interface FunctionProcess {
  port: number;
  /** Ends the process. Returns the files of the function that are new or missing since its start. */
  stop(): Promise<string[]>;
}

/** Starts a function with a copy of its files in the folder `place`, and its temporary folder beside it. */
async function startFunction(
  folder: string,
  site: string,
  place: string,
  settings: Record<string, string>,
): Promise<FunctionProcess> {
  const [own, temporary] = [path.join(place, "task"), path.join(place, "tmp")];
  mkdirSync(own, { recursive: true });
  mkdirSync(temporary);
  for (const name of listFiles(folder)) linkEntry(path.join(folder, name), path.join(own, name));
  const { filePathMap = {} } = JSON.parse(readFileSync(path.join(folder, ".vc-config.json"), "utf8"));
  for (const [name, source] of Object.entries<string>(filePathMap)) {
    linkEntry(path.join(site, source), path.join(own, name));
  }
  const before = listFiles(own);
  const child = fork(path.resolve("scripts/internal/vercel-function.mjs"), [own], {
    cwd: own,
    env: { PATH: process.env.PATH, TMPDIR: temporary, NODE_ENV: "production", ...settings },
    execArgv: [],
  });
  const port = await portOf(child);
  return {
    port,
    stop: async () => {
      const closed = child.exitCode === null ? once(child, "exit") : undefined;
      child.kill("SIGKILL");
      await closed;
      const after = listFiles(own);
      return after
        .filter((name) => !before.includes(name))
        .concat(before.filter((name) => !existsSync(path.join(own, name))));
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  const ended = once(child, "exit").then(() => {
    throw new Error("A function has ended before it could be called; its reasons are above.");
  });
  const [port] = await Promise.race([once(child, "message") as Promise<[number]>, ended]);
  ended.catch(() => undefined);
  return port;
}
