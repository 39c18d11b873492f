import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";
import { readTables } from "./internal/markdown-tables";

const MINUTE_MS = 60_000;
const NUMBER = /^[\d,.]*[1-9][\d,.]*$/;

test("the bench drives every row on both databases and tells of every goal", async () => {
  test.skip(process.platform !== "linux", "the bench runs on Linux only");
  test.setTimeout(15 * MINUTE_MS);
  const args = ["scripts/run.mjs", "bench", "--accounts", "1000", "--rounds", "1", "--seconds", "0.25"];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: cleanEnvironment(),
    timeout: 14 * MINUTE_MS,
  });
  const [rows = [], memory = [], goals = []] = readTables(stdout).map((table) => table.rows);

  const onEach = (product: string, labels: string[]) =>
    ["SQLite", "PostgreSQL"].flatMap((database) => labels.map((label) => `${label} | ${product} on ${database}`));
  const driven = [
    ...onEach("Sarafan", [
      "empty route",
      "session check",
      "profile, 20 referrals",
      "full login",
      "token refresh",
      "activation",
      "profile, 1 referral",
      "profile, 1,000 referrals",
      "console, Today",
      "full login, no webhooks",
      "full login, 100 webhooks a second",
    ]),
    ...["SQLite", "PostgreSQL"].flatMap((database) => [
      `full login, 0 events | Sarafan on ${database} without a past`,
      `full login, 10,000 events | Sarafan on ${database} with a past`,
    ]),
    ...onEach("better-auth", ["session check", "full login"]),
    "empty route | Next.js alone",
  ];
  expect(rows.map(([label, server]) => `${label} | ${server}`).sort()).toEqual(driven.sort());
  for (const [label, server, ...figures] of rows) {
    expect(figures, `${label} | ${server}`).toEqual(figures.map(() => expect.stringMatching(NUMBER)));
  }
  expect(memory.map(([server]) => server).sort()).toEqual([...new Set(rows.map(([, server]) => server))].sort());
  for (const [server, ...figures] of memory) {
    expect(figures, server).toEqual(figures.map(() => expect.stringMatching(NUMBER)));
  }
  expect(goals).toHaveLength(26);
  for (const [goal, , , measured] of goals) expect(measured, goal).toMatch(/^\d/);
});
