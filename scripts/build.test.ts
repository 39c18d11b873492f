import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";

const POSTGRESQL = /^The setting DATABASE_URL must be the URL of a PostgreSQL on Vercel/;
const SECRET = /^The setting AUTH_SECRET is missing/;

const PRODUCTION = /^The setting DATABASE_URL is missing, and production is never a preview/;

for (const { what, settings, named } of [
  { what: "a database and a secret", settings: {}, named: [POSTGRESQL, SECRET] },
  {
    what: "a database that outlives a request",
    settings: { DATABASE_URL: "file:./data/sarafan.db", AUTH_SECRET: "s".repeat(32) },
    named: [POSTGRESQL],
  },
  { what: "a secret", settings: { DATABASE_URL: "postgresql://a:b@db.example/c" }, named: [SECRET] },
  { what: "a preview's secret", settings: { ALLOW_DEMO: "true" }, named: [SECRET] },
  {
    what: "a database of production, which is never a preview",
    settings: { VERCEL_ENV: "production", ALLOW_DEMO: "true", AUTH_SECRET: "s".repeat(32) },
    named: [PRODUCTION],
  },
]) {
  test(`a build on Vercel says that ${what} is missing, in a sentence each`, async () => {
    const child = spawn(process.execPath, ["scripts/run.mjs", "build"], {
      env: cleanEnvironment({ VERCEL: "1", ...settings }),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const closed = once(child, "close");
    const sentences = (await text(child.stderr)).trim().split("\n");
    expect(sentences).toEqual(named.map((sentence) => expect.stringMatching(sentence)));
    expect((await closed)[0]).toBe(1);
  });
}
