import os from "node:os";
import { enterBareNext } from "./bare-next";
import { enterBetterAuth } from "./better-auth";
import { runCommand } from "./commands";
import type { Contestant } from "./contestant";
import { compareRows } from "./goals";
import { readOptions } from "./options";
import { PROFILER, profileRow } from "./profile";
import { takeRounds } from "./rounds";
import { enterPastSarafans, enterSarafan } from "./sarafan";
import { compareSecrets } from "./secrecy";
import { pastSeed, planTown, sarafanSeed } from "./seed";
import { measureStarts } from "./startup";
import { openStore, type Store, type StoreName } from "./stores";
import { printGoals, printMemory, printRows } from "./table";

const options = readOptions(process.argv.slice(2));
const { parts, connections } = options;
const town = planTown(options.accounts);
const stores: Store[] = [];
const contestants: Contestant[] = [];
const isScaleDriven = options.profile ? options.profile === "scale" : parts.includes("scale");

try {
  for (const name of options.databases) stores.push(await openTown(name));
  const env = options.profile ? PROFILER : {};
  for (const store of stores) {
    contestants.push(await enterSarafan(store, town, { connections, env }));
    if (isScaleDriven) contestants.push(...(await enterPastSarafans(store, town, { connections, env })));
  }
  if (options.profile) await profileRows(options.profile);
  else await measureAll();
} finally {
  for (const { server } of contestants) await server.stop();
  for (const { remove } of stores) await remove();
}

/** Makes a store whose databases for Sarafan are migrated and filled. */
async function openTown(name: StoreName): Promise<Store> {
  const store = await openStore(name);
  const { sarafan, past } = store.urls;
  await fill(store, sarafan, sarafanSeed(town, store));
  if (isScaleDriven) await fill(store, past, [...sarafanSeed(town, store), ...pastSeed(town, store)]);
  return store;
}

async function fill(store: Store, url: string, statements: string[]) {
  await runCommand(url, "migrate");
  const startedAt = performance.now();
  await store.run(url, statements);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const what = url === store.urls.past ? "accounts with a past" : "accounts";
  console.error(`${town.size.toLocaleString("en")} ${what} on ${store.name} in ${seconds} s`);
}

async function profileRows(part: string) {
  for (const { name, server, rows } of contestants) {
    console.log(`\n${name}`);
    for (const row of rows.filter((row) => row.part === part)) await profileRow(server, row, options.seconds);
  }
}

async function measureAll() {
  const own = contestants.filter(({ rows }) => rows.some(({ part }) => part === "login"));
  if (parts.includes("session") || parts.includes("login")) {
    for (const store of stores) contestants.push(await enterBetterAuth(store, town, { connections }));
  }
  if (parts.includes("empty")) contestants.push(await enterBareNext({ connections }));
  const results = await takeRounds(contestants, options);
  const memory = printMemory(results, contestants);
  const goals = compareRows(results, options, town);
  if (parts.includes("secrecy")) {
    for (const contestant of own) goals.push(...(await compareSecrets(contestant, town, options.rounds)));
  }
  if (parts.includes("startup")) {
    for (const store of stores) goals.push(await measureStarts(store, options.rounds));
  }
  console.log([`\n${describeMachine()}`, printRows(results), memory, printGoals(goals)].join("\n\n"));
}

function describeMachine(): string {
  const [cpu] = os.cpus();
  const memory = (os.totalmem() / 2 ** 30).toFixed(0);
  return `${os.cpus().length} × ${cpu?.model.trim()}, ${memory} GB, ${os.type()} ${os.release()}, Node ${process.version}; ${town.size.toLocaleString("en")} accounts, ${connections} connections, ${options.rounds} rounds of ${options.seconds} s`;
}
