import { Client } from "pg";
import { expect, _baseTest as test } from "playwright/test";
import { ACCOUNT_ID_MAX } from "@/lib/core/policy";
import { env } from "@/lib/env";
import { read, statement, type Transaction, transact, type Writer, write } from "./database";
import { isDatabaseAway, isUniqueViolation } from "./errors";
import { openPostgres } from "./postgresql";

const CONNECTIONS = 2;
const open = (url = env.DATABASE_URL) => openPostgres(url, { replicaUrl: undefined, connections: CONNECTIONS });

test("audit events can't be removed by TRUNCATE", async () => {
  await expect(write((tx) => tx.$executeRaw`TRUNCATE "AuditEvent"`)).rejects.toThrow(/never changed/);
});

test("statements are prepared once on a connection, and each time they run with pgbouncer=true in the URL", async () => {
  const prepared = statement({
    params: {},
    row: { count: "integer" },
    sql: "SELECT COUNT(*) AS count FROM pg_prepared_statements",
  });
  const count = async (url: string) => {
    const { transact: begin } = openPostgres(url, { replicaUrl: undefined, connections: 1 });
    const ask = async () => (await begin(async (tx) => tx.get(prepared, {})))?.count;
    return [await ask(), await ask(), await ask()];
  };
  // BEGIN and the statement, then COMMIT as well.
  expect(await count(env.DATABASE_URL)).toEqual([2, 3, 3]);
  const url = new URL(env.DATABASE_URL);
  url.searchParams.set("pgbouncer", "true");
  expect(await count(url.href)).toEqual([0, 0, 0]);
});

test("after a pooler has changed the connection, statements are prepared each time they run", async () => {
  const asked = statement({ params: {}, row: { one: "integer" }, sql: "SELECT 1 AS one" });
  const { transact: begin, primary } = openPostgres(env.DATABASE_URL, { replicaUrl: undefined, connections: 1 });
  const ask = async () => (await begin(async (tx) => tx.get(asked, {})))?.one;
  expect(await ask()).toBe(1);
  // As on a connection that the pooler gave to another client in between.
  await primary.prisma.$queryRawUnsafe("DEALLOCATE ALL");
  expect(await ask()).toBe(1);
  expect((await primary.statements.get(asked, {}))?.one).toBe(1);
});

test("an account can be looked up by the largest id that is accepted", async () => {
  expect(await read.user.findUnique({ where: { id: ACCOUNT_ID_MAX } })).toBeNull();
});

const errorOf = (asking: () => Promise<unknown>) =>
  asking().then(
    () => new Error("nothing was wrong"),
    (error: unknown) => error,
  );

const ANY_USER = statement({ params: {}, row: { id: "integer" }, sql: `SELECT "id" FROM "User" LIMIT 1` });
const ADD_USER = statement({
  params: { name: "text", now: "time" },
  sql: `INSERT INTO "User" ("phone", "inviteCode", "createdAt") VALUES (:name, :name, :now)`,
});
const OWN_PROCESS = statement({ params: {}, row: { pid: "integer" }, sql: "SELECT pg_backend_pid() AS pid" });
const END_PROCESS = statement({ params: { pid: "integer" }, sql: "SELECT pg_terminate_backend(:pid)" });
const LOCK = 999;
const WAIT_FOR_LOCK = statement({ params: { lock: "integer" }, sql: "SELECT pg_advisory_xact_lock(:lock)" });

/** Resolves when statements of this turn have been sent, and before any answer is read. */
const sent = () => new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));

test("no statement of a transaction runs when its BEGIN has failed, and none after its end", async () => {
  const { transact: begin, primary } = openPostgres(env.DATABASE_URL, { replicaUrl: undefined, connections: 1 });
  await begin(async (tx) => tx.get(ANY_USER, {}));
  // As on a connection that a pooler gave to another client in between.
  await primary.prisma.$queryRawUnsafe("DEALLOCATE ALL");
  const name = crypto.randomUUID();
  const attempts: Transaction[] = [];
  const failed = begin(async (tx) => {
    attempts.push(tx);
    tx.queue(ANY_USER, {});
    await sent();
    tx.queue(ADD_USER, { name, now: new Date() });
    await sent();
    throw new Error("rolled back");
  });
  await expect(failed).rejects.toThrow("rolled back");
  const [first] = attempts;
  await expect(Promise.resolve(first?.run(ADD_USER, { name, now: new Date() }))).rejects.toThrow("rolled back");
  expect(await read.user.findUnique({ where: { phone: name } })).toBeNull();
});

test("a transaction fails with the error of its first statement that failed, which tells of no pooler", async () => {
  const { transact: begin, primary } = openPostgres(env.DATABASE_URL, { replicaUrl: undefined, connections: 1 });
  const name = crypto.randomUUID();
  const prepared = statement({
    params: {},
    row: { count: "integer" },
    sql: `SELECT COUNT(*) AS count FROM pg_prepared_statements WHERE statement LIKE '%User%'`,
  });
  await begin(async (tx) => tx.run(ADD_USER, { name, now: new Date() }));
  let attempts = 0;
  const failed = begin(async (tx) => {
    attempts += 1;
    tx.queue(ADD_USER, { name, now: new Date() });
    // Skipped by the server, and so not prepared when it is sent again.
    tx.queue(ANY_USER, {});
    await sent();
    return tx.get(ANY_USER, {});
  });
  expect(isUniqueViolation(await errorOf(() => failed))).toBe(true);
  expect(attempts).toBe(1);
  await begin(async (tx) => tx.get(ANY_USER, {}));
  expect((await primary.statements.get(prepared, {}))?.count).toBeGreaterThan(1);
  await write((tx) => tx.user.deleteMany({ where: { phone: name } }));
});

/** The two kinds of transaction, and how each reads a user, adds one and waits for a lock. */
const KINDS = {
  write: ({ write: begin }: ReturnType<typeof open>) => ({
    hold: (until: Promise<void>, begun: () => void) =>
      begin(async () => {
        begun();
        await until;
      }),
    ask: () => begin((tx) => tx.user.findFirst()),
    add: (name: string) =>
      begin((tx: Writer) => tx.user.create({ data: { phone: name, inviteCode: name, createdAt: new Date() } })),
    addAndWait: (name: string) =>
      begin(async (tx) => {
        await tx.user.create({ data: { phone: name, inviteCode: name, createdAt: new Date() } });
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK}::bigint)`;
      }),
    askCutOff: () =>
      begin(async (tx) => {
        const [own] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        await open().write((other) => other.$executeRaw`SELECT pg_terminate_backend(${own?.pid}::int)`);
        return tx.user.findFirst();
      }),
  }),
  transact: ({ transact: begin }: ReturnType<typeof open>) => ({
    hold: (until: Promise<void>, begun: () => void) =>
      begin(async (tx) => {
        await tx.get(ANY_USER, {});
        begun();
        await until;
      }),
    ask: () => begin(async (tx) => tx.get(ANY_USER, {})),
    add: (name: string) => begin(async (tx: Transaction) => tx.run(ADD_USER, { name, now: new Date() })),
    addAndWait: (name: string) =>
      begin(async (tx) => {
        tx.queue(ADD_USER, { name, now: new Date() });
        tx.queue(WAIT_FOR_LOCK, { lock: LOCK });
      }),
    askCutOff: () =>
      begin(async (tx) => {
        const own = await tx.get(OWN_PROCESS, {});
        await open().transact(async (other) => other.run(END_PROCESS, { pid: own?.pid ?? 0 }));
        return tx.get(ANY_USER, {});
      }),
  }),
};

test("a server that can't be reached is away", async () => {
  const connections = open("postgresql://nobody:nothing@127.0.0.1:1/nowhere");
  const { prisma, statements } = connections.primary;
  const asked = [
    () => prisma.user.findFirst(),
    () => prisma.$queryRaw`SELECT 1`,
    async () => statements.get(ANY_USER, {}),
    KINDS.write(connections).ask,
    KINDS.transact(connections).ask,
  ];
  for (const ask of asked) expect(isDatabaseAway(await errorOf(ask))).toBe(true);
});

for (const [kind, transactionsOf] of Object.entries(KINDS)) {
  test(`a server without a free connection is away until one is free (${kind})`, async () => {
    const connections = open();
    const { hold, ask } = transactionsOf(connections);
    let letGo = () => {};
    const gone = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let begun = 0;
    const held = Array.from({ length: CONNECTIONS }, () =>
      hold(gone, () => {
        begun += 1;
      }),
    );
    await expect.poll(() => begun).toBe(CONNECTIONS);
    const { prisma, statements } = connections.primary;
    const errors = await Promise.all([
      errorOf(() => prisma.user.findFirst()),
      errorOf(async () => statements.get(ANY_USER, {})),
      errorOf(ask),
    ]);
    expect(errors.map(isDatabaseAway)).toEqual([true, true, true]);
    letGo();
    await Promise.all(held);
    await ask();
  });

  test(`a server that ends a connection is away, and is back with the next connection (${kind})`, async () => {
    const { askCutOff, ask } = transactionsOf(open());
    expect(isDatabaseAway(await errorOf(askCutOff))).toBe(true);
    await ask();
  });

  test(`a transaction that was given up is rolled back before its connection is used again (${kind})`, async () => {
    test.slow();
    const connections = openPostgres(env.DATABASE_URL, { replicaUrl: undefined, connections: 1 });
    const { addAndWait, add } = transactionsOf(connections);
    const neighbour = new Client({ connectionString: env.DATABASE_URL });
    await neighbour.connect();
    await neighbour.query("SELECT pg_advisory_lock($1)", [LOCK]);
    const name = `refused ${kind}`;
    expect(isDatabaseAway(await errorOf(() => addAndWait(name)))).toBe(true);
    // By now its ROLLBACK has timed out as well, and the connection has been released.
    await expect.poll(() => connections.pools().primary, { timeout: 20_000 }).toMatchObject({ busy: 0 });
    await neighbour.end();
    await expect.poll(() => errorOf(() => add(crypto.randomUUID()))).toMatchObject({ message: "nothing was wrong" });
    expect(await connections.primary.prisma.user.findUnique({ where: { phone: name } })).toBeNull();
  });
}

test("of statements that share a round trip, the transaction fails with the error of the first that failed", async () => {
  const { transact: begin } = open();
  const divide = statement({ params: {}, sql: "SELECT 1 / 0" });
  const failing = () =>
    begin(async (tx) => {
      // Its error passes more promises than the error of the next statement, so it arrives later.
      const divided = (async () => (async () => (async () => tx.get(divide, {}))())())();
      await Promise.all([divided, tx.get(ANY_USER, {})]);
    });
  for (let times = 0; times < 20; times += 1) {
    expect(await errorOf(failing)).toMatchObject({ message: "division by zero" });
  }
});

test("a statement that the server skipped after an error is prepared when it is next asked", async () => {
  const { transact: begin } = openPostgres(env.DATABASE_URL, { replicaUrl: undefined, connections: 1 });
  const divide = statement({ params: {}, sql: "SELECT 1 / 0 AS before" });
  const itself = statement({
    params: {},
    row: { name: "text" },
    sql: "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%pg_prepared_statements%'",
  });
  const failing = begin(async (tx) => {
    tx.queue(divide, {});
    return tx.get(itself, {});
  });
  expect(await errorOf(() => failing)).toMatchObject({ message: "division by zero" });
  expect(await begin(async (tx) => tx.get(itself, {}))).toEqual({ name: itself.postgresql.name });
});

test("an error in our own code does not count as a database that is away", async () => {
  const mistakes = [
    () => write((tx) => tx.$executeRaw`SELECT * FROM "Nothing"`),
    () => write((tx) => tx.user.update({ where: { id: ACCOUNT_ID_MAX }, data: { phone: "nobody" } })),
    () => write(() => Promise.reject(new Error("a mistake"))),
    () => transact(async (tx) => tx.get(statement({ params: {}, sql: 'SELECT * FROM "Nothing"' }), {})),
    () => transact(async (tx) => tx.queue(statement({ params: {}, sql: 'SELECT * FROM "Nothing"' }), {})),
    () => transact(() => Promise.reject(new Error("a mistake"))),
  ];
  for (const mistake of mistakes) expect(isDatabaseAway(await errorOf(mistake))).toBe(false);
});
