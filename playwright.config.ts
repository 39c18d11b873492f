import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { setDefaultAutoSelectFamilyAttemptTimeout } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { defineConfig, devices } from "playwright/test";
import type { DeploymentOptions } from "./e2e/deployment/deployment.spec";
import type { Extent } from "./e2e/faults/faults";
import type { WorkerOptions } from "./e2e/fixtures";
import { migrate } from "./lib/db/migrator.mjs";
import { makePostgresDatabase } from "./scripts/internal/test-database";

// This file is read once by the runner, which makes a folder, and once by each worker before any test. Tests of the
// core run inside the worker, so that is where lib/env finds its settings; servers under test get settings of their own.
const { TEST_WORKER_INDEX, TEST_POSTGRES_URL } = process.env;

async function makeSqliteDatabase(): Promise<string> {
  const url = `file:${path.join(process.env.TEST_FOLDER ?? tmpdir(), `${TEST_WORKER_INDEX}.db`)}`;
  await migrate(url);
  return url;
}

if (TEST_WORKER_INDEX === undefined) {
  // Where there is one, a folder in memory: the tests ask for thousands of commits.
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const folder = mkdtempSync(path.join(parent, "sarafan-core-"));
  process.env.TEST_FOLDER = folder;
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
} else {
  Object.assign(process.env, {
    DATABASE_URL: await (TEST_POSTGRES_URL ? makePostgresDatabase(TEST_POSTGRES_URL) : makeSqliteDatabase()),
    AUTH_SECRET: "a secret that only the tests of the core know",
    CONSOLE_DELAY_MS: "0",
    ADMIN_PHONES:
      "+79459999999,+79459999998,+79459999900,+79459999901,+79459999902,+79459999903,+79459999904,+79459999905,+79459999906,+79459999907",
    // The tests of a worker share its database, and type wrong codes all the time.
    ALARM_AFTER_WRONG: "1000",
    SMS_BUDGET_PER_DAY: "100000",
    SMS_COST_PER_DAY: "400000",
    SMS_PRICE: "RU=2.50,*=10",
  });
  // Where localhost has two addresses, Node.js gives up the first one after 250 ms. A busy process may need longer to hear that it is
  // connected, and no server listens at the second one.
  setDefaultAutoSelectFamilyAttemptTimeout(60_000);
}

const { CI, CHROMIUM_PATH, E2E_BASE_URL, FAULT_ROUNDS, TEST_DEPLOYMENT, TEST_PREPARED } = process.env;
const { VERCEL_AUTOMATION_BYPASS_SECRET } = process.env;

const chromium = {
  ...devices["Desktop Chrome"],
  locale: "ru-RU",
  launchOptions: {
    ...(CHROMIUM_PATH ? { executablePath: CHROMIUM_PATH } : {}),
    args: [
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Chromium refuses its sandbox to root.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ],
  },
};

/** `npm run test:faults` says how many rounds; `npm test` leaves it at few and short ones. */
const faults = FAULT_ROUNDS ? { rounds: Number(FAULT_ROUNDS), awayMs: 10_000 } : {};

export default defineConfig<Extent & DeploymentOptions, WorkerOptions>({
  // The scripts of `npm test` and `npm run check` prepare what their tests need; `npx playwright test` prepares all of it here.
  ...(!TEST_PREPARED && { globalSetup: "./scripts/internal/prepare-tests.ts" }),
  fullyParallel: true,
  // Tests wait for pages and servers for almost half of their time, so that three workers keep two cores busy.
  workers: 3,
  // In CI a failed test runs once more, to record a trace. The run fails even if the second attempt passes.
  retries: CI ? 1 : 0,
  failOnFlakyTests: true,
  forbidOnly: Boolean(CI),
  // A machine of CI may be several times slower than a developer's. How fast the product is, the bench measures.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["list"], ["./scripts/internal/slowest-tests.ts"], ["./scripts/internal/failed-tests.ts"]],
  // Without pictures, which cost a sixth of the time and show less than the pages that a trace keeps.
  use: {
    servedAt: E2E_BASE_URL?.replace(/\/+$/, ""),
    // A preview on Vercel that is protected lets requests with this header pass.
    ...(E2E_BASE_URL &&
      VERCEL_AUTOMATION_BYPASS_SECRET && {
        extraHTTPHeaders: { "x-vercel-protection-bypass": VERCEL_AUTOMATION_BYPASS_SECRET },
      }),
    locale: "ru-RU",
    // Traces of all tests would take an eighth of the time of a run in CI.
    trace: { mode: CI ? "on-first-retry" : "retain-on-failure", screenshots: false },
  },
  // The projects with the longest tests come first, so that all workers end at about the same time.
  projects: [
    { name: "faults", testDir: "e2e/faults", testMatch: "**/*.spec.ts", use: { ...chromium, ...faults } },
    { name: "scripts", testDir: "scripts", testMatch: "**/*.test.ts" },
    { name: "ui", testDir: "e2e/ui", testMatch: "**/*.spec.ts", use: chromium },
    { name: "api", testDir: "e2e/api", testMatch: "**/*.spec.ts" },
    {
      name: "core",
      testDir: ".",
      testMatch: ["lib/**/*.test.ts", "messages/**/*.test.ts", "gateway/*.test.ts"],
      // These tests import `_baseTest`, which is Playwright's `test` without its fixtures for browsers. Those fixtures, and a group
      // for each test instead of each file, would take a tenth of the time.
      fullyParallel: false,
      // Tests of one database have a file of their own, and tests of none run once.
      testIgnore: TEST_POSTGRES_URL
        ? [
            "**/sqlite.test.ts",
            "**/{phone,preview,pasted-text,invite-code,user-agent,misspelt-settings}.test.ts",
            "lib/{senders,ops,http}/**",
            "{gateway,messages}/*.test.ts",
          ]
        : "**/postgresql.test.ts",
    },
    // `npm run test:vercel` serves deployments and runs these tests.
    ...(TEST_DEPLOYMENT
      ? [
          {
            name: "deployment",
            testDir: "e2e/deployment",
            use: { ...chromium, isPreview: TEST_DEPLOYMENT === "preview" },
          },
        ]
      : []),
  ],
});
