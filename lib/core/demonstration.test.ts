import { expect, test } from "playwright/test";
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

/** Forgets what this process has seen, as a process that starts. */
const startAgain = () => {
  const seen = perProcess<DemonstrationSeen>("demonstration", missingState);
  Object.assign(seen, { wasReached: false, closing: null } satisfies DemonstrationSeen);
};

test.beforeEach(async () => {
  startAgain();
  await write((tx) => tx.mark.deleteMany());
});

test("a database with accounts is no demonstration's, however often a server starts there in that mode", async () => {
  await signUp();
  expect(await beginDemonstration()).toBe("unmarked");
  expect(await beginDemonstration()).toBe("unmarked");
});

test("the seed makes a database a demonstration's, which it stays at the next starts", async () => {
  await signUp();
  await markDemonstration();
  expect(await demonstrationState()).toBe("open");
  expect(await beginDemonstration()).toBe("open");
});

test("the first sign of people beyond this machine ends the demonstration for good, for other processes, too", async () => {
  await markDemonstration();
  expect(await wasReachedFromBeyond()).toBe(false);
  await endDemonstration("HTTP/1.0");
  startAgain();
  expect(await demonstrationState()).toBe("ended");
  expect(await wasReachedFromBeyond()).toBe(true);
  expect(await beginDemonstration()).toBe("ended");
  await markDemonstration();
  expect(await demonstrationState(), "a person ran the seed").toBe("open");
});

test("no code is shown from the sign on, before the database has heard of it", async () => {
  await markDemonstration();
  const ending = endDemonstration("Host");
  expect(await demonstrationState()).toBe("ended");
  await ending;
});

test("of many signs at once one is written", async () => {
  await markDemonstration();
  const now = new Date("2026-01-01");
  await endDemonstration("Host", now);
  startAgain();
  await Promise.all([1, 2, 3].map(() => endDemonstration("Origin")));
  expect(await readPrimary.mark.findMany()).toEqual([{ name: "reached_from_beyond", at: now }]);
});
