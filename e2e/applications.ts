import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Page } from "playwright/test";
import { cleanEnvironment } from "../scripts/internal/environment";
import { sharedKey, V1 } from "./api/backends";
import { test as base, expect, type Server } from "./fixtures";

/** How long an application takes for its answer, as one that exchanges the code before it answers. */
const ANSWER_MS = 500;

/** Runs `npm run client` beside a server, and returns what the last line says. */
export async function runClientCommand(server: Server, args: string[]): Promise<Record<string, unknown>> {
  const settings = Object.entries({ ...server.settings, DATABASE_URL: server.databaseUrl });
  const env = cleanEnvironment(Object.fromEntries(settings.map(([name, value]) => [name, String(value)])));
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/run.mjs", "client", ...args], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** Registers an application through the management API. The command has its own tests, and takes longer. */
async function register(server: Server, data: object): Promise<Pick<Application, "clientId" | "clientSecret">> {
  const { key } = await sharedKey(server);
  const answer = await fetch(`${server.url}${V1}/clients`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(data),
  });
  if (answer.status !== 201) throw new Error(`The application was not registered: ${await answer.text()}`);
  return answer.json();
}

/** An application of the tests: a small site of another origin, which people come back to after a login. */
export interface Application {
  name: string;
  clientId: string;
  /** Null for a public application. */
  clientSecret: string | null;
  redirectUri: string;
  /** The addresses that browsers have opened at the redirect URI, each with what it says of the login. */
  answers: URLSearchParams[];
  /** Returns the address that begins a login, with these parameters, and the PKCE verifier. Null removes a parameter. */
  begin(parameters?: Record<string, string | null>): { address: string; verifier: string };
  stop(): void;
}

/** What is registered of an application besides its name and its redirect URI, as the management API names it. */
export interface Registration {
  isFirstParty?: boolean;
  isPublic?: boolean;
  scopes?: string[];
  postLogoutUris?: string[];
  backChannelLogoutUri?: string;
}

/** Starts an application and registers it at the server. */
export async function startApplication(
  server: Server,
  name: string,
  registration: Registration = {},
): Promise<Application> {
  const answers: URLSearchParams[] = [];
  const site = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
    if (pathname === "/callback") answers.push(searchParams);
    // Meanwhile the page that the browser comes from is still shown.
    await sleep(ANSWER_MS);
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>${name}</title><h1>${name}</h1><p>${searchParams.get("error") ?? "Welcome"}`);
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const { port } = site.address() as { port: number };
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const { clientId, clientSecret } = await register(server, { name, redirectUris: [redirectUri], ...registration });
  return {
    name,
    clientId,
    clientSecret,
    redirectUri,
    answers,
    begin: (parameters = {}) => {
      const verifier = randomBytes(32).toString("base64url");
      const all = {
        client_id: clientId,
        redirect_uri: redirectUri,
        response_type: "code",
        scope: "openid phone",
        state: randomBytes(8).toString("hex"),
        code_challenge: createHash("sha256").update(verifier).digest("base64url"),
        code_challenge_method: "S256",
        ...parameters,
      };
      const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
      return { address: `${server.url}/oauth/authorize?${new URLSearchParams(given)}`, verifier };
    },
    stop: () => {
      site.closeAllConnections();
      site.close();
    },
  };
}

interface Applications {
  /** Starts an application that is ended after the test. */
  newApplication: (name: string, registration?: Registration, at?: Server) => Promise<Application>;
}

export const test = base.extend<Applications>({
  newApplication: async ({ server }, use) => {
    const started: Application[] = [];
    await use(async (name, registration, at = server) => {
      const application = await startApplication(at, name, registration);
      started.push(application);
      return application;
    });
    for (const application of started) application.stop();
  },
});

/** The person is at the application, which has got this answer. Returns it. */
export async function expectAnswer(page: Page, { answers, redirectUri, name }: Application): Promise<URLSearchParams> {
  await page.waitForURL((url) => url.href.startsWith(`${redirectUri}?`));
  // The heading of our page that leads there contains the name as well.
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  return answers.at(-1) ?? new URLSearchParams();
}
