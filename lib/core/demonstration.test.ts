import { expect, _baseTest as test } from "playwright/test";
import { readPrimary, write } from "@/lib/db/database";
import { perProcess } from "@/lib/per-process";
import { signUp } from "@/lib/testing/people";
import { missingState } from "@/lib/testing/transactions";
import {
  beginDemonstration,
  type DemonstrationSeen,
  demonstrationState,
  endDemonstration,
  markDemonstration,
  wasReachedFromBeyond,
} from "./demonstration";

/** Clears the state that this process keeps of the demonstration, as a restart would. */
const simulateRestart = () => {
  const seen = perProcess<DemonstrationSeen>("demonstration", missingState);
  Object.assign(seen, { wasReached: false, closing: null } satisfies DemonstrationSeen);
};

test.beforeEach(async () => {
  simulateRestart();
  await write((tx) => tx.mark.deleteMany());
});

test("a database with accounts is not marked as a demonstration when a server starts, however often", async () => {
  await signUp();
  expect(await beginDemonstration()).toBe("unmarked");
  expect(await beginDemonstration()).toBe("unmarked");
});

test("the seed marks a database as a demonstration, and it stays one at later starts", async () => {
  await signUp();
  await markDemonstration();
  expect(await demonstrationState()).toBe("open");
  expect(await beginDemonstration()).toBe("open");
});

test("the first sign of people on other machines ends the demonstration permanently, for all processes", async () => {
  await markDemonstration();
  expect(await wasReachedFromBeyond()).toBe(false);
  await endDemonstration("HTTP/1.0");
  simulateRestart();
  expect(await demonstrationState()).toBe("ended");
  expect(await wasReachedFromBeyond()).toBe(true);
  expect(await beginDemonstration()).toBe("ended");
  await markDemonstration();
  expect(await demonstrationState(), "after the seed").toBe("open");
});

test("after the sign no code is shown, even before the database has stored it", async () => {
  await markDemonstration();
  const ending = endDemonstration("Host");
  expect(await demonstrationState()).toBe("ended");
  await ending;
});

test("of several parallel signs one is stored", async () => {
  await markDemonstration();
  const now = new Date("2026-01-01");
  await endDemonstration("Host", now);
  simulateRestart();
  await Promise.all([1, 2, 3].map(() => endDemonstration("Origin")));
  // Work in the background stores marks of its own.
  const where = { name: "reached_from_beyond" };
  expect(await readPrimary.mark.findMany({ where })).toEqual([{ ...where, at: now }]);
});
