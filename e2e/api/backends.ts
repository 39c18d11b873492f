import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { APIRequestContext, APIResponse } from "playwright/test";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { test as base, expect, type Server } from "../fixtures";

export const V1 = "/api/manage/v1";

/** All scopes of API keys that these tests know, as `npm run key` takes them. */
export const ALL_SCOPES = [
  ...["accounts:read", "accounts:write", "phones:read", "referrals:read", "activations:read", "activations:write"],
  ...[
    "clients:read",
    "clients:write",
    "deliveries:read",
    "events:read",
    "webhooks:read",
    "webhooks:write",
    "test-numbers:read",
    "test-numbers:write",
  ],
].join(",");

/** Runs `npm run key` on the server's database, and returns the last line. */
export async function runKey({ databaseUrl, settings: { AUTH_SECRET } }: Server, ...args: string[]) {
  const secret = AUTH_SECRET === undefined ? {} : { AUTH_SECRET: String(AUTH_SECRET) };
  const env = cleanEnvironment({ DATABASE_URL: databaseUrl, ...secret });
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/run.mjs", "key", ...args], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** Makes an API key of the server with these scopes, and returns its id and the key. */
export function makeKey(server: Server, scopes = ALL_SCOPES): Promise<{ id: number; key: string }> {
  return runKey(server, "add", "--name", "a test", "--scopes", scopes);
}

/** The keys that tests of this process share, by the database and the scopes. */
const sharedKeys = new Map<string, ReturnType<typeof makeKey>>();

/** Returns a key with these scopes that tests share, because a command takes as long as many requests. No test revokes it. */
export function sharedKey(server: Server, scopes = ALL_SCOPES): ReturnType<typeof makeKey> {
  const name = `${server.databaseUrl} ${scopes}`;
  const key = sharedKeys.get(name) ?? makeKey(server, scopes);
  sharedKeys.set(name, key);
  return key;
}

interface Fixtures {
  /** Makes a client whose requests have a shared key with these scopes. */
  newBackend: (scopes?: string) => Promise<APIRequestContext & { key: string }>;
}

export const test = base.extend<Fixtures>({
  newBackend: async ({ server, newClient }, use) => {
    await use(async (scopes) => {
      const { key } = await sharedKey(server, scopes);
      const client = await newClient({ headers: { authorization: `Bearer ${key}` }, timeoutMs: 60_000 });
      return Object.assign(client, { key });
    });
  },
});

export const reason = "for a test";

/** Checks that a response is a problem (RFC 9457) with this status and name, and returns it. */
export async function problemOf(response: APIResponse, status: number, name: string) {
  const text = await response.text();
  expect([response.status(), response.headers()["sarafan-error"]], text).toEqual([status, name]);
  expect(response.headers()["content-type"]).toBe("application/problem+json");
  const problem = JSON.parse(text);
  expect(problem).toMatchObject({ status, type: expect.stringMatching(new RegExp(`/docs#${name}$`)) });
  expect([typeof problem.title, typeof problem.detail]).toEqual(["string", "string"]);
  return problem;
}

export async function makeAccount(backend: APIRequestContext, phone: string) {
  const made = await backend.post(`${V1}/accounts`, { data: { phone, reason } });
  expect(made.status(), await made.text()).toBe(201);
  return (await made.json()) as { id: number; inviteCode: string };
}
