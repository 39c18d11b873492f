import os from "node:os";
import { enterBetterAuth } from "./better-auth";
import type { Contestant } from "./contestant";
import { atLeast, atMost, type Goal, printGoals, ratioOf } from "./goals";
import { readOptions } from "./options";
import { PROFILER, profileRow } from "./profile";
import { takeRounds } from "./rounds";
import { enterSarafan, migrateSarafan, profileLabel, startSarafan } from "./sarafan";
import { compareKnownAndUnknown } from "./secrecy";
import { planTown, sarafanSeed } from "./seed";
import { median } from "./statistics";
import { openStore, type Store } from "./stores";
import { printTable } from "./table";

const STARTS = 5;
const START_MS_MAX = 2000;
const P_MIN = 0.05;

const options = readOptions(process.argv.slice(2));
const { parts, connections } = options;
const town = planTown(options.accounts);
const stores: Store[] = [];
const contestants: Contestant[] = [];

try {
  for (const name of options.databases) stores.push(await openTown(name));
  const env = options.profile ? PROFILER : {};
  for (const store of stores) contestants.push(await enterSarafan(store, town, { connections, env }));
  if (options.profile) await profileRows(options.profile);
  else await measureAll();
} finally {
  for (const { remove } of [...contestants, ...stores]) await remove();
}

/** A store that has been migrated and filled. */
async function openTown(name: Store["name"]): Promise<Store> {
  const store = await openStore(name);
  await migrateSarafan(store);
  const startedAt = performance.now();
  await store.run(sarafanSeed(town, store));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.error(`${town.size.toLocaleString("en")} accounts on ${name} in ${seconds} s`);
  return store;
}

async function profileRows(part: string) {
  for (const { name, server, rows } of contestants) {
    console.log(`\n${name}`);
    for (const row of rows.filter((row) => row.part === part)) await profileRow(server, row, options.seconds);
  }
}

async function measureAll() {
  if (parts.includes("session") || parts.includes("login")) {
    contestants.push(await enterBetterAuth(town, { connections }));
  }
  const results = await takeRounds(contestants, options);
  const [sqlite, rival] = ["Sarafan, SQLite", "better-auth, SQLite"] as const;
  const goals: Goal[] = [
    ...atLeast(
      "profile to empty route, on SQLite",
      ratioOf(results, "perSecond", [sqlite, profileLabel(20)], [sqlite, "empty route"]),
      0.6,
    ),
    ...atLeast(
      "session check to better-auth's",
      ratioOf(results, "perSecond", [sqlite, "session check"], [rival, "session check"]),
      1.4,
    ),
    ...atLeast(
      "full login to better-auth's",
      ratioOf(results, "perSecond", [sqlite, "full login"], [rival, "full login"]),
      2,
    ),
    ...contestants.flatMap(({ name }) =>
      atMost(
        `${name}: p50 of a profile with ${town.people.all.referrals.toLocaleString("en")} referrals to one with 1`,
        ratioOf(results, "p50Ms", [name, profileLabel(town.people.all.referrals)], [name, profileLabel(1)]),
        1.3,
      ),
    ),
  ];
  if (parts.includes("secrecy")) {
    for (const { name, server } of contestants.filter((contestant) => contestant.name !== rival)) {
      const { knownMs, unknownMs, p } = await compareKnownAndUnknown(server.url, town);
      const times = `${knownMs.toFixed(2)} ms, ${unknownMs.toFixed(2)} ms`;
      goals.push({
        text: `${name}: a code for a known and for an unknown phone can't be told apart (Mann-Whitney, p ≥ ${P_MIN})`,
        measured: `${times}, p = ${p.toFixed(2)}`,
        isMet: p >= P_MIN,
      });
    }
  }
  if (parts.includes("startup")) goals.push(...(await measureStarts()));
  console.log(`\n${describeMachine()}\n\n${printTable(results)}\n\n${printGoals(goals)}`);
}

async function measureStarts(): Promise<Goal[]> {
  const goals: Goal[] = [];
  for (const store of stores) {
    const times: number[] = [];
    for (let start = 0; start < STARTS; start += 1) {
      const server = await startSarafan(store);
      times.push(server.startedInMs);
      await server.stop();
    }
    const ms = median(times);
    goals.push({
      text: `start-up on ${store.name}, under 2 s`,
      measured: `${(ms / 1000).toFixed(2)} s`,
      isMet: ms < START_MS_MAX,
    });
  }
  return goals;
}

function describeMachine(): string {
  const [cpu] = os.cpus();
  const memory = (os.totalmem() / 2 ** 30).toFixed(0);
  return `${os.cpus().length} × ${cpu?.model.trim()}, ${memory} GB, ${os.type()} ${os.release()}, Node ${process.version}; ${town.size.toLocaleString("en")} accounts, ${connections} connections, ${options.rounds} rounds of ${options.seconds} s`;
}
