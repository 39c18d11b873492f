import { randomInt } from "node:crypto";
import { DATABASES } from "../databases";
import type { Server } from "../fixtures";
import { expect, test } from "./faults";
import { Ledger } from "./ledger";
import { Load } from "./load";

for (const database of DATABASES) {
  const victims = ["one server", "both servers", ...(database === "postgresql" ? ["PostgreSQL"] : [])];

  test(`after kill -9 under load on ${database} all acknowledged writes are there, and no partial ones`, async ({
    startServer,
    postgres,
    freshPhone,
    rounds,
  }) => {
    test.setTimeout(60_000 + rounds * 45_000);
    const one = await startServer({}, { database });
    const servers = [one, await startServer({}, { beside: one })] as [Server, Server];
    const ledger = new Ledger();
    let known = 0;
    for (let round = 0; round < rounds; round += 1) {
      const victim = victims[round % victims.length] as string;
      await test.step(`round ${round + 1}: ${victim}`, async () => {
        const load = new Load(ledger, freshPhone);
        load.begin(servers);
        await load.answered(randomInt(60, 200));
        const killed =
          victim === "one server" ? [servers[round % 2 ? 0 : 1]] : victim === "both servers" ? servers : [];
        if (victim === "PostgreSQL") await (await postgres()).halt("SIGKILL");
        await Promise.all(killed.map((server) => server.stop("SIGKILL")));
        const survivors = servers.filter((server) => !killed.includes(server));
        if (victim === "one server") await load.answered(40);
        if (victim === "PostgreSQL") await (await postgres()).restart();
        await load.end();

        await Promise.all(killed.map((server) => server.start()));
        for (const server of servers) await ledger.expectKept(server);
        expect(load.complaints).toEqual([]);
        for (const server of survivors) {
          expect(load.lost.get(server), "requests that a server lost that was not killed").toBeUndefined();
          if (victim === "one server") expect(load.refused.get(server)).toBeUndefined();
        }
        expect(ledger.size).toBeGreaterThan(known);
        known = ledger.size;
      });
    }
    expect(await Promise.all(servers.map((server) => server.stop()))).toEqual([0, 0]);
  });
}
