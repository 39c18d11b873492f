import { Client } from "pg";
import { expect, test } from "playwright/test";
import { ACCOUNT_ID_MAX } from "@/lib/core/policy";
import { env } from "@/lib/env";
import { read, type Writer, write } from "./database";
import { isDatabaseAway } from "./errors";
import { openPostgres } from "./postgresql";

const CONNECTIONS = 2;
const open = (url = env.DATABASE_URL) => openPostgres(url, { replicaUrl: undefined, connections: CONNECTIONS });

test("what is recorded can't be changed or deleted", async () => {
  const event = { action: "account_read", actorId: 1, subjectId: 1, details: "{}", at: new Date() };
  const { id } = await write((tx) => tx.auditEvent.create({ data: event }));
  const words = /never changed or deleted/;
  await expect(write((tx) => tx.auditEvent.updateMany({ where: { id }, data: { actorId: 2 } }))).rejects.toThrow(words);
  await expect(write((tx) => tx.auditEvent.deleteMany({ where: { id } }))).rejects.toThrow(words);
  await expect(write((tx) => tx.$executeRaw`TRUNCATE "AuditEvent"`)).rejects.toThrow(words);
});

test("the largest id that is taken for one can be looked for", async () => {
  expect(await read.user.findUnique({ where: { id: ACCOUNT_ID_MAX } })).toBeNull();
});

const errorOf = (asking: () => Promise<unknown>) =>
  asking().then(
    () => new Error("nothing was wrong"),
    (error: unknown) => error,
  );

test("a server that isn't there is away", async () => {
  const { primary, transact } = open("postgresql://nobody:nothing@127.0.0.1:1/nowhere");
  expect(isDatabaseAway(await errorOf(() => primary.user.findFirst()))).toBe(true);
  expect(isDatabaseAway(await errorOf(() => primary.$queryRaw`SELECT 1`))).toBe(true);
  expect(isDatabaseAway(await errorOf(() => transact((tx) => tx.user.findFirst())))).toBe(true);
});

test("a server that has no connection left is away, until it has one", async () => {
  const { primary, transact } = open();
  let letGo = () => {};
  const gone = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let begun = 0;
  const hold = () =>
    transact(async () => {
      begun += 1;
      await gone;
    });
  const held = Array.from({ length: CONNECTIONS }, hold);
  await expect.poll(() => begun).toBe(CONNECTIONS);
  const errors = await Promise.all([
    errorOf(() => primary.user.findFirst()),
    errorOf(() => transact((tx) => tx.user.findFirst())),
  ]);
  expect(errors.map(isDatabaseAway)).toEqual([true, true]);
  letGo();
  await Promise.all(held);
  await transact((tx) => tx.user.findFirst());
});

test("a server that takes a connection away is away, and there again with the next one", async () => {
  const { transact } = open();
  const cutOff = () =>
    transact(async (tx) => {
      const [own] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
      await open().transact((other) => other.$executeRaw`SELECT pg_terminate_backend(${own?.pid}::int)`);
      return tx.user.findFirst();
    });
  expect(isDatabaseAway(await errorOf(cutOff))).toBe(true);
  await transact((tx) => tx.user.findFirst());
});

test("what was given up in the middle is undone, whatever its connection is used for next", async () => {
  test.slow();
  const { transact, primary, pools } = openPostgres(env.DATABASE_URL, { replicaUrl: undefined, connections: 1 });
  const LOCK = 999;
  const neighbour = new Client({ connectionString: env.DATABASE_URL });
  await neighbour.connect();
  await neighbour.query("SELECT pg_advisory_lock($1)", [LOCK]);
  const make = (tx: Writer, name: string) =>
    tx.user.create({ data: { phone: name, inviteCode: name, createdAt: new Date() } });
  const refused = await errorOf(() =>
    transact(async (tx) => {
      await make(tx, "refused");
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK}::bigint)`;
    }),
  );
  expect(isDatabaseAway(refused)).toBe(true);
  // By now its ROLLBACK was given up as well, and the connection went back.
  await expect.poll(() => pools().primary, { timeout: 20_000 }).toMatchObject({ busy: 0 });
  await neighbour.end();
  await expect
    .poll(() => errorOf(() => transact((tx) => make(tx, crypto.randomUUID()))))
    .toMatchObject({
      message: "nothing was wrong",
    });
  expect(await primary.user.findUnique({ where: { phone: "refused" } })).toBeNull();
});

test("a mistake of ours is not taken for a database that is away", async () => {
  const mistakes = [
    () => write((tx) => tx.$executeRaw`SELECT * FROM "Nothing"`),
    () => write((tx) => tx.user.update({ where: { id: ACCOUNT_ID_MAX }, data: { phone: "nobody" } })),
    () => write(() => Promise.reject(new Error("a mistake"))),
  ];
  for (const mistake of mistakes) expect(isDatabaseAway(await errorOf(mistake))).toBe(false);
});
